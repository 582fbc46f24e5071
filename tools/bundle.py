"""Makes an archive that installs agentctl where there is no network: tox -e bundle.

It holds wheels of the project and of all that it needs, checksums, and an install script. It
is then installed with the network cut off, on each of its Pythons that is at hand, and tried.

  tox -e bundle                                    for this Python and platform
  tox -e bundle -- --extra server --python 3.9 --python 3.13 --platform manylinux2014_x86_64
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.backend.wheel_backend import epoch
from tools.bundling import archive, collect, offline
from tools.bundling.target import BundleError, Target, platform_here

CONSTRAINTS = Path(__file__).parent / "bundling" / "constraints.txt"
EXTRAS = ("all", "kubernetes", "server")


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bundle", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    here = f"3.{sys.version_info[1]}"
    parser.add_argument(
        "--python", action="append", metavar="3.N", help=f"to run on (default {here}; repeatable)"
    )
    parser.add_argument(
        "--platform",
        action="append",
        metavar="TAG",
        help=f"as wheels name it (default {platform_here()}; repeatable: an archive for each)",
    )
    parser.add_argument(
        "--extra", action="append", choices=EXTRAS, default=[], help="with what it brings"
    )
    parser.add_argument(
        "--constraint", type=Path, metavar="FILE", default=CONSTRAINTS, help="versions to hold to"
    )
    parser.add_argument(
        "--wheels", type=Path, metavar="FOLDER", help="take wheels from here, download nothing"
    )
    parser.add_argument("--output", type=Path, metavar="FOLDER", default=Path("dist"))
    parser.add_argument(
        "--try-with",
        action="append",
        metavar="PYTHON",
        default=[],
        help="a Python to try the installation with, beside those that are on PATH",
    )
    return parser


def main(argv: Sequence[str]) -> str:
    """Do it; returns what is wrong, if anything."""
    args = arguments().parse_args(argv)
    pythons = args.python or [f"3.{sys.version_info[1]}"]
    extras = sorted(set(args.extra))
    try:
        platforms = [
            sorted({Target.parse(python, platform) for python in pythons})
            for platform in dict.fromkeys(args.platform or [platform_here()])
        ]
        with tempfile.TemporaryDirectory() as temporary:
            work = Path(temporary)
            project = collect.build(work)
            for targets in platforms:
                sets = {}
                for target in targets:
                    folder = work / f"{target.name}-{target.platform}"
                    collect.download(project, extras, target, args.constraint, args.wheels, folder)
                    wheels = [collect.Wheel.at(path) for path in sorted(folder.iterdir())]
                    sets[target] = collect.needed(project, extras, wheels, target)
                    print(f"{target}: {len(sets[target])} wheels", flush=True)
                path = archive.write(args.output, project, extras, sets, epoch())
                print(f"{path}: {path.stat().st_size / 1e6:.1f} MB", flush=True)
                for line in tried(path, targets, args.try_with):
                    print(line, flush=True)
    except BundleError as error:
        return f"bundle: {error}"
    return ""


def tried(path: Path, targets: Sequence[Target], others: Sequence[str]) -> Iterator[str]:
    """The archive installed on each Python at hand; yields what was seen, raises BundleError."""
    interpreters = {version_of(one): one for one in others}
    here = platform_here()
    for target in targets:
        # The host's C library is the newer one, or this is a bundle for another host.
        is_ours = target.platform in Target(target.python, here).platforms()
        command = interpreters.get(target.python) or shutil.which(f"python3.{target.python[1]}")
        if target.python == sys.version_info[:2]:
            command = command or sys.executable
        if not is_ours or not command or version_of(command) != target.python:
            yield f"not tried: {target} is not at hand (--try-with names a Python)"
        else:
            yield from offline.verify(path, command)


def version_of(python: str) -> tuple[int, int]:
    """What this Python is; (0, 0) for one that cannot be run."""
    code = "import sys; print('%d %d' % sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
        major, minor = map(int, done.stdout.split())
    except (OSError, ValueError):
        return (0, 0)
    return major, minor


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) or 0)
