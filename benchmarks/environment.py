"""Make a virtual environment and install into it, once: later calls find its marker.

    python benchmarks/environment.py FOLDER [--system-site-packages] -- PIP WORDS [--then PIP WORDS]

PIP WORDS are what follows `pip install`; `--then` begins another one. Only the standard library is
used here: it runs before anything is installed.
"""

from __future__ import annotations

import importlib.util
import platform
import site
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
MARK = ".installed"
DECLARED = ("pyproject.toml", "benchmarks/wheelhouse.txt")
BRINGS_PIP = importlib.util.find_spec("ensurepip") is not None
"""Debian and its derivatives leave ensurepip out; then the calling Python's pip installs."""


def make_environment(folder: Path, installs: Sequence[Sequence[str]], *, system: bool) -> bool:
    """Return whether anything had to be done. Changed requirements are installed again; another
    Python, or another choice of `system`, replaces the environment.

    Args:
        folder: where the environment lies.
        installs: the words of each `pip install`, in order.
        system: whether the packages of the Python that makes it are seen inside, those of its own
            virtual environment too, and left as they are.

    Raises:
        subprocess.CalledProcessError: an installation failed.
    """
    configuration, mark = folder / "pyvenv.cfg", folder / MARK
    wanted = [
        f"version = {platform.python_version()}",
        f"include-system-site-packages = {str(system).lower()}",
    ]
    found = configuration.read_text().splitlines() if configuration.is_file() else []
    if not set(wanted) <= set(found):
        venv.create(folder, clear=True, with_pip=BRINGS_PIP, system_site_packages=system)
        if system and sys.prefix != sys.base_prefix:  # a venv sees the base's packages alone
            _site_packages(folder).joinpath("made-by.pth").write_text(
                "\n".join(site.getsitepackages()) + "\n", encoding="utf-8"
            )
    declared = [(ROOT / name).read_text(encoding="utf-8") for name in DECLARED]
    text = "\n".join([*(" ".join(words) for words in installs), *declared])
    if mark.is_file() and mark.read_text(encoding="utf-8") == text:
        return False
    mark.unlink(missing_ok=True)
    python = str(folder / "bin" / "python")
    pip = [python, "-m", "pip"] if BRINGS_PIP else [sys.executable, "-m", "pip", "--python", python]
    for words in installs:
        command = [*pip, "install", "--quiet", "--disable-pip-version-check", *words]
        subprocess.run(command, check=True, cwd=ROOT)
    mark.write_text(text, encoding="utf-8")
    return True


def _site_packages(folder: Path) -> Path:
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))


def main(argv: list[str]) -> int:
    """1 if pip failed, 2 if the command line is wrong."""
    if "--" not in argv[1:]:
        print(__doc__, file=sys.stderr)
        return 2
    cut = argv.index("--")
    installs: list[list[str]] = [[]]
    for word in argv[cut + 1 :]:
        if word == "--then":
            installs.append([])
        else:
            installs[-1].append(word)
    try:
        make_environment(Path(argv[0]), installs, system="--system-site-packages" in argv[1:cut])
    except subprocess.CalledProcessError as error:
        print(f"{argv[0]}: pip install ended with exit status {error.returncode}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
