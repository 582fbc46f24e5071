"""Tries ``agentctl.pyz``: alone in a folder, by a Python that has nothing, without a network."""

from __future__ import annotations

import json
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.bundling import offline
from tools.bundling.target import BundleError


def seen(path: Path, python: str) -> Iterator[str]:
    """Run it; yields what was seen, in lines. Raises BundleError at what does not work."""
    with tempfile.TemporaryDirectory() as temporary:
        folder, home = Path(temporary) / "a folder", Path(temporary) / "home"
        folder.mkdir()
        home.mkdir()
        copy = Path(shutil.copy(path, folder))
        version = _said(python, copy, home, "version").splitlines()
        yield f"{path.name} on {python}: {', '.join(version)}"
        demo = _said(
            python, copy, home, "demo", "--until", "healthy", "--timeout", "60s", "-o", "ndjson"
        )
        events = [json.loads(line) for line in demo.splitlines()]
        if not events or events[0]["type"] != "snapshot" or not events[0]["items"]:
            raise BundleError(f"the demo gave no snapshot first: {events[:1]}")
        written = [one for one in (*folder.iterdir(), *home.iterdir()) if one != copy]
        if written:
            raise BundleError(f"it has written {written}")
        yield f"  the demo gave {len(events)} events, and nothing was written"


def _said(python: str, copy: Path, home: Path, *arguments: str) -> str:
    # -I: nothing of the caller's settings, nor of the folder that this is called in.
    command = [python, "-I", str(copy), *arguments]
    done = offline.run(command, home)
    if done.returncode:
        raise BundleError(f"{shlex.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout
