"""Where kubectl is, if there is one that knows all that the tests take of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import Optional

OLDEST = (1, 28)
"""The first with ``auth whoami`` for all; plugins are completed from 1.26 on."""

NO_KUBECTL = f"needs kubectl {OLDEST[0]}.{OLDEST[1]} or later on PATH"

LEAN = {"GOGC": "off", "GOMAXPROCS": "1"}
"""In its environment: a start that is over at once takes a quarter less CPU."""


def _found() -> Optional[str]:
    path = shutil.which("kubectl")
    if path is None:
        return None
    try:
        done = subprocess.run(
            [path, "version", "--client", "-o", "json"],
            capture_output=True,
            env={**os.environ, **LEAN},
            timeout=30,
            check=True,
        )
        version = str(json.loads(done.stdout)["clientVersion"]["gitVersion"])
        numbers = tuple(int(each) for each in re.findall(r"\d+", version)[:2])
    except (OSError, ValueError, LookupError, TypeError, subprocess.SubprocessError):
        return None
    return path if numbers >= OLDEST else None


KUBECTL = _found()
