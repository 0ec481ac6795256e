# Two commands on a fresh machine (Python >= 3.11 and make, nothing else):
#   make quickstart   the main job: examples/quickstart.yaml, one YAML file to a compared ablation
#   make test         the same set-up, and the tests
# All targets build what they need and are safe to repeat.

PYTHON ?= python3
VENV ?= .venv
# beside fla, transformers' modules take Triton kernels, which need a GPU: so without it
VENV_TRANSFORMERS ?= .venv-transformers
OUT ?= runs/quickstart
SAMPLE ?= 120
SEED ?= 0
BIN := $(VENV)/bin
INSTALLER ?= $(BIN)/python -m pip install --quiet --disable-pip-version-check
PLUGINS := plugins/gla plugins/prism plugins/ttt plugins/psm
EDITABLE := $(foreach plugin,$(PLUGINS),-e ./$(plugin))
DECLARED := pyproject.toml constraints.txt $(addsuffix /pyproject.toml,$(PLUGINS))

.DEFAULT_GOAL := help
.PHONY: help setup quickstart test test-peers bench-layers test-triton kernels wheelhouse gpu chaos mutants lint format bench docs parts-pages clean

help: ## Show the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.installed ## Build the virtual environment and install seqzoo and its plugins.

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "seqzoo needs Python 3.11 or newer, and $(PYTHON) is older or missing;" \
	       "name another one: make setup PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.python $(DECLARED)
	$(INSTALLER) -c constraints.txt -e . $(EDITABLE)
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(INSTALLER) -c constraints.txt -e '.[dev]'
	@touch $@

$(VENV)/.installed-ray: $(VENV)/.installed-dev
	$(INSTALLER) -c constraints.txt -e '.[ray]'
	@touch $@

$(VENV)/.installed-peers: $(VENV)/.installed-dev benchmarks/requirements.txt
	$(INSTALLER) -c constraints.txt -r benchmarks/requirements.txt
	@touch $@

$(VENV)/.installed-mutants: $(VENV)/.installed-dev
	$(INSTALLER) 'cosmic-ray>=8.4'
	@touch $@

quickstart: $(VENV)/.installed ## Run examples/quickstart.yaml and print its table.
	$(BIN)/seqzoo grid examples/quickstart.yaml --out $(OUT)

test: $(VENV)/.installed-dev ## Run all tests.
	$(BIN)/python -m pytest -n auto

$(VENV_TRANSFORMERS)/.installed: $(DECLARED)
	$(PYTHON) -m venv $(VENV_TRANSFORMERS)
	$(VENV_TRANSFORMERS)/bin/python -m pip install --quiet --disable-pip-version-check \
	  -c constraints.txt -e '.[dev]' -e './plugins/gla[transformers]'
	@touch $@

test-peers: $(VENV)/.installed-peers $(VENV_TRANSFORMERS)/.installed ## Compare scan and layers with fla and transformers.
	$(BIN)/python -m pytest tests/scan/peers
	$(VENV_TRANSFORMERS)/bin/python -m pytest plugins/gla/tests/from_transformers

bench-layers: $(VENV_TRANSFORMERS)/.installed ## Time layers against transformers' modules with the same weights.
	$(VENV_TRANSFORMERS)/bin/python benchmarks/layers.py --json benchmarks/results/layers.json

test-triton: ## Run and compile the kernels under Triton 3.6, 3.7 and 3.9; no GPU needed.
	$(PYTHON) benchmarks/triton_versions.py

kernels: $(VENV)/.installed ## Compile every GPU kernel for seven targets; no GPU needed.
	$(BIN)/seqzoo kernels --target sm_80 --target sm_86 --target sm_89 --target sm_90 \
	  --target sm_100 --target sm_120 --target gfx942

wheelhouse: ## Gather in wheelhouse/ what an offline GPU machine lacks (Python 3.12, x86-64).
	rm -rf wheelhouse
	$(PYTHON) -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
	  --python-version 3.12 --implementation cp --platform manylinux_2_28_x86_64 \
	  --platform manylinux_2_27_x86_64 --platform manylinux_2_17_x86_64 \
	  --platform manylinux2014_x86_64 --dest wheelhouse -r benchmarks/wheelhouse.txt
	@du -sh wheelhouse

gpu: ## With a GPU and its torch: the first unfinished of three calls of under nine minutes; CALL=2 one of them.
	$(PYTHON) benchmarks/gpu.py $(if $(CALL),--call $(CALL))

chaos: $(VENV)/.installed-dev ## Kill a grid's processes at random, and compare its table.
	$(BIN)/python -m pytest -m chaos -s tests/grid

mutants: $(VENV)/.installed-mutants ## Try random small faults in the layers' code; an hour or two.
	$(BIN)/python benchmarks/mutants.py --sample $(SAMPLE) --seed $(SEED) --json mutants.json

lint: $(VENV)/.installed-dev ## Check style, types and the order of imports.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/python -m pytest tests/test_import_order.py

format: $(VENV)/.installed-dev ## Format the code and fix what ruff can.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-peers ## Measure, and write benchmarks/results/.
	$(BIN)/python benchmarks/probing_step.py --json benchmarks/results/probing_step.json
	$(BIN)/python benchmarks/report.py --json benchmarks/results/report.json
	$(BIN)/python benchmarks/scan.py --judge --json benchmarks/results/scan_cpu.json \
	  --figure docs/scan_cpu.svg

parts-pages: $(VENV)/.installed ## Regenerate docs/parts from the registry.
	$(BIN)/python -m seqzoo.registry.pages docs/parts

docs: $(VENV)/.installed-dev parts-pages ## Build the site into site/.
	$(INSTALLER) mkdocs-material
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

clean: ## Remove the virtual environment and caches; runs stay.
	rm -rf $(VENV) $(VENV_TRANSFORMERS) .pytest_cache .ruff_cache .hypothesis
