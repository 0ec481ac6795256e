"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// Light and dark: the system's choice until the button is used.
const themeButton = byId("theme");
let dark = matchMedia("(prefers-color-scheme: dark)").matches;
function nameTheme() { themeButton.textContent = dark ? "Light" : "Dark"; }
themeButton.addEventListener("click", () => {
  dark = !dark;
  document.documentElement.style.colorScheme = dark ? "dark" : "light";
  nameTheme();
});
nameTheme();

// Sorting: a first click puts small numbers first, cells without a number come last.
const COUNTS = { k: 1e3, M: 1e6, G: 1e9 };
function numberIn(cell) {
  if (cell.dataset.v !== undefined) return cell.dataset.v === "" ? NaN : Number(cell.dataset.v);
  const text = cell.textContent;
  const found = /^[~≥≤\s]*([+-]?[\d,]*\.?\d+(?:e[+-]?\d+)?)([kMG])?/.exec(text);
  if (!found || /^\d+ (failed|missing)/.test(text)) return NaN;
  return parseFloat(found[1].replaceAll(",", "")) * (COUNTS[found[2]] ?? 1);
}
const collator = new Intl.Collator("en", { numeric: true });
function sortBy(table, head) {
  const place = head.cellIndex;
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const numeric = head.dataset.kind === "number";
  const keyed = [...table.tBodies[0].rows].map((row) => {
    const cell = row.cells[place];
    return { row, key: numeric ? numberIn(cell) : cell.textContent };
  });
  const sign = down ? -1 : 1;
  keyed.sort((a, b) => {
    if (!numeric) return sign * collator.compare(a.key, b.key);
    if (Number.isNaN(a.key) || Number.isNaN(b.key)) return Number.isNaN(a.key) - Number.isNaN(b.key);
    return sign * (a.key - b.key);
  });
  table.tBodies[0].append(...keyed.map((entry) => entry.row));
  if (table.tBodies[0] === body) show();
}
for (const table of document.querySelectorAll("table.sortable")) {
  table.tHead.addEventListener("click", (event) => {
    const head = event.target.closest("th");
    if (head) sortBy(table, head);
  });
}

// Filtering: every word somewhere in the row, every choice exactly.
const body = byId("run-table").tBodies[0];
const choices = [...document.querySelectorAll("#filters select")];
const words = new Map(); // row -> its text, once it is searched
let fitting = new Set(body.rows);
let most = Number(body.dataset.most);
function textOf(row) {
  if (!words.has(row)) words.set(row, row.textContent.toLowerCase());
  return words.get(row);
}
function filter() {
  const wanted = byId("find").value.toLowerCase().split(/\s+/).filter(Boolean);
  const chosen = choices.filter((choice) => choice.value !== "");
  fitting = new Set([...body.rows].filter((row) =>
    wanted.every((word) => textOf(row).includes(word)) &&
    chosen.every((c) => row.cells[Number(c.dataset.column)].textContent === c.value)));
  show();
}

// Of very many rows the first are shown, until all are asked for.
function show() {
  let shown = 0;
  for (const row of body.rows) {
    row.hidden = !fitting.has(row) || shown >= most;
    shown += !row.hidden;
  }
  const cut = shown < fitting.size;
  byId("more").hidden = !cut;
  byId("count").textContent = `${fitting.size.toLocaleString("en")} of ` +
    `${body.rows.length.toLocaleString("en")} run${body.rows.length === 1 ? "" : "s"}${cut ? `, the first ${shown.toLocaleString("en")} shown` : ""}`;
}
byId("more").addEventListener("click", () => { most = Infinity; show(); });
show();
byId("filters").addEventListener("input", filter);
byId("filters").addEventListener("submit", (event) => event.preventDefault());

// One run: its facts, its difference to the base, its curves, its resolved spec.
const dialog = byId("dialog");
let current = null;
document.addEventListener("click", (event) => {
  const button = event.target.closest("button.open");
  if (button) openRun(button.closest("tr"));
});
function openRun(row) {
  current = row;
  const run = data.runs[Number(row.dataset.run)];
  byId("dialog-title").textContent = run.label;
  byId("dialog-body").replaceChildren(...describe(run));
  byId("previous").disabled = !neighbour(row, "previousElementSibling");
  byId("next").disabled = !neighbour(row, "nextElementSibling");
  if (!dialog.open) dialog.showModal();
}
function neighbour(row, way) {
  let other = row[way];
  while (other && other.parentNode === body && !fitting.has(other)) other = other[way];
  return other;
}
byId("previous").addEventListener("click", () => openRun(neighbour(current, "previousElementSibling")));
byId("next").addEventListener("click", () => openRun(neighbour(current, "nextElementSibling")));
byId("close").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => current.querySelector("button").focus());
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

function describe(run) {
  const cards = make("dl", { className: "cards" });
  for (const [term, value] of run.facts) {
    cards.append(make("div", {}, make("dt", { textContent: term }), make("dd", { textContent: value })));
  }
  const parts = [cards];
  if (run.error) parts.push(make("p", { className: "bad", textContent: run.error }));
  parts.push(...differences(run), ...curves(run));
  parts.push(make("h3", { textContent: "Resolved spec" }), specOf(run));
  return parts;
}

function differences(run) {
  const base = run.base === null ? null : data.runs[run.base];
  if (!base) return [];
  if (base === run) return [make("p", { className: "quiet", textContent: "Others are compared with this run." })];
  const title = make("h3", { textContent: `Difference to ${base.label}` });
  if (!run.changes.length) return [title, make("p", { textContent: "none" })];
  const rows = run.changes.map(([path, before, after]) =>
    make("tr", {}, ...[path, before, after].map((text) => make("td", { textContent: text }))));
  const names = ["path", "base", "this run"].map((text) => {
    const head = make("th", { textContent: text, scope: "col" });
    head.style.padding = ".3rem .7rem";
    return head;
  });
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...names)), make("tbody", {}, ...rows));
  return [title, make("div", { className: "scroll" }, table)];
}

function curves(run) {
  const metrics = Object.keys(run.curves);
  const title = make("h3", { textContent: "Learning curves" });
  if (!metrics.length) return [title, make("p", { textContent: "no evaluation was logged" })];
  const select = make("select", { id: "curve-metric" }, ...metrics.map((name) => new Option(name)));
  if (metrics.includes(run.metric)) select.value = run.metric;
  const place = make("div", { className: "scroll" });
  const draw = () => place.replaceChildren(chart(run, select.value));
  select.addEventListener("input", draw);
  draw();
  return [title, make("label", {}, "Metric ", select), place];
}

const SVG = "http://www.w3.org/2000/svg";
function draw(parent, tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}
const short = (value) => Number(value.toPrecision(3)).toString();
// Round numbers between two others, some four of them: 1, 2 or 5 times a power of ten apart.
// (+ 0 makes a 0 of -0.)
function ticksBetween(low, high, least = 0) {
  const rough = Math.max((high - low) / 4, least), power = 10 ** Math.floor(Math.log10(rough));
  const apart = power * [1, 2, 5, 10].find((times) => times * power >= rough);
  const decimals = Math.max(0, -Math.floor(Math.log10(apart) + 1e-9));
  const ticks = [];
  for (let count = Math.ceil(low / apart - 1e-9) + 0; count * apart <= high + apart * 1e-9; count++) {
    ticks.push([count * apart, (count * apart).toLocaleString("en", {
      minimumFractionDigits: Math.min(20, decimals), maximumFractionDigits: Math.min(20, decimals) })]);
  }
  return ticks;
}
function chart(run, metric) {
  const base = run.base === null ? null : data.runs[run.base];
  const lines = [{ kind: "own", curve: run.curves[metric], label: "this run" }];
  if (base && base !== run && base.curves[metric]) {
    lines.unshift({ kind: "other", curve: base.curves[metric], label: base.label });
  }
  const steps = lines.flatMap((line) => line.curve[0]);
  const values = lines.flatMap((line) => line.curve[1]);
  const far = Math.max(...steps, 1), low = Math.min(...values), high = Math.max(...values);
  const span = high - low || Math.abs(high) || 1;
  const x = (step) => 60 + 640 * step / far;
  const y = (value) => 240 - 200 * (high === low ? 0.5 : (value - low) / span);
  const last = run.curves[metric][1].at(-1);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 720 290");
  svg.setAttribute("class", "chart");
  svg.setAttribute("role", "img");
  const lasted = run.curves[metric][0].at(-1);
  svg.setAttribute("aria-label", `${metric} over ${lasted} step${lasted === 1 ? "" : "s"}, at last ${short(last)}`);
  for (const [value, text] of high === low ? [[high, short(high)]] : ticksBetween(low, high)) {
    draw(svg, "line", { class: "axis", x1: 60, x2: 700, y1: y(value), y2: y(value) });
    draw(svg, "text", { x: 54, y: y(value) + 4, "text-anchor": "end" }, text);
  }
  for (const [step, text] of ticksBetween(0, far, 1)) {
    draw(svg, "line", { class: "axis", x1: x(step), x2: x(step), y1: 240, y2: 245 });
    draw(svg, "text", { x: x(step), y: 260, "text-anchor": "middle" }, text);
  }
  draw(svg, "text", { x: 380, y: 282, "text-anchor": "middle" }, "optimizer steps");
  lines.forEach((line) => {
    const left = line.kind === "own" ? 64 : 190; // a base may have a long name
    const points = line.curve[0].map((step, i) => [x(step), y(line.curve[1][i])]);
    draw(svg, "polyline", { class: line.kind, points: points.map((p) => p.map((c) => c.toFixed(1)).join()).join(" ") });
    draw(svg, "line", { class: line.kind, x1: left, x2: left + 30, y1: 14, y2: 14 });
    draw(svg, "text", { x: left + 36, y: 18 }, line.label);
    if (line.kind === "own") {
      points.forEach(([cx, cy], i) => {
        const dot = draw(svg, "circle", { cx: cx.toFixed(1), cy: cy.toFixed(1), r: 3 });
        draw(dot, "title", {}, `step ${line.curve[0][i]}: ${line.curve[1][i]}`);
      });
    }
  });
  return svg;
}

function specOf(run) {
  const spec = {};
  for (const [key, place] of Object.entries(run.spec)) spec[key] = data.sections[place];
  const changed = new Set(run.changes.map(([path]) => path));
  const page = make("pre", { tabIndex: 0 });
  write(page, spec, "", "", changed);
  return page;
}
const isTree = (value) => value !== null && typeof value === "object" && Object.keys(value).length > 0 &&
  (!Array.isArray(value) || value.some((entry) => entry !== null && typeof entry === "object"));
function write(page, tree, path, indent, changed) {
  for (const [key, value] of Object.entries(tree)) {
    const inner = path ? `${path}.${key}` : key;
    const head = `${indent}${Array.isArray(tree) ? "-" : `${key}:`}`;
    if (isTree(value)) {
      page.append(`${head}\n`);
      write(page, value, inner, `${indent}  `, changed);
    } else {
      const line = `${head} ${typeof value === "string" ? value : JSON.stringify(value)}`;
      page.append(changed.has(inner) ? make("mark", { textContent: line }) : line, "\n");
    }
  }
}
