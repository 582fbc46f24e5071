"""Makes ``agentctl.pyz``, all of agentctl in one file that any Python runs: tox -e pyz.

Pure Python: kube and SSE mode, and the demo, with what they need. What is packed is what
requirements/tests.lock has for the oldest Python. It is then copied alone into a folder and
run with the network cut off, by each Python at hand.

  tox -e pyz                                       dist/agentctl.pyz, and its checksum
  tox -e pyz -- --wheels FOLDER                    the same; downloads nothing
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools.bundle import version_of
from tools.bundling.target import BundleError
from tools.pyz import pack, trial


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--wheels", type=Path, metavar="FOLDER", help="take wheels from here, download nothing"
    )
    parser.add_argument(
        "--try-with",
        action="append",
        metavar="PYTHON",
        default=[],
        help="a Python to try it with, beside those that are on PATH",
    )
    parser.add_argument("--output", type=Path, metavar="FOLDER", default=Path("dist"))
    return parser


def main(argv: Sequence[str]) -> str:
    """Do it; returns what is wrong, if anything."""
    args = arguments().parse_args(argv)
    try:
        with tempfile.TemporaryDirectory() as temporary:
            pack.download(args.wheels, Path(temporary))
            wheels = sorted(Path(temporary).iterdir())
            path = pack.write(args.output, [pack.of_wheel(wheel) for wheel in wheels])
            print(f"{path}: {path.stat().st_size / 1e6:.2f} MB of", flush=True)
            print("".join(f"  {wheel.name}\n" for wheel in wheels), end="", flush=True)
        known = [*args.try_with, *(shutil.which(f"python3.{n}") or "" for n in range(9, 20))]
        for python in [one for one in known if version_of(one) >= (3, 9)] or [sys.executable]:
            for line in trial.seen(path, python):
                print(line, flush=True)
    except BundleError as error:
        return f"pyz: {error}"
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) or 0)
