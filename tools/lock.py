"""Writes the lock files in requirements/: what the tests and the checks install, for every Python.

Run it as tox -e lock, where uv is; with -- --upgrade it takes the newest releases instead of
those that are locked now. Every file is for all supported Pythons at once, by markers.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEADER = "# Written by tox -e lock; do not edit.\n"

COMPILE = (
    *("uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.9"),
    *("--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url"),
    *("--no-emit-find-links", "--native-tls"),
)

LOCKS = (
    ("tests.lock", ("--extra", "dev", "setup.cfg", "requirements/build.in")),
    ("checks.lock", ("--constraints", "requirements/tests.lock", "requirements/checks.in")),
)


def main(more: list[str]) -> None:
    for name, sources in LOCKS:
        target = ROOT / "requirements" / name
        command = [*COMPILE, *more, *sources, "--output-file", f"requirements/{name}"]
        subprocess.run(command, cwd=ROOT, check=True)
        text = target.read_text(encoding="utf-8")
        target.write_text(HEADER + text.removeprefix(HEADER), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
