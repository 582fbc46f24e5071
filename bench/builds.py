"""What is compared: which build of Python, which kubectl; and all modules compiled beforehand."""

from __future__ import annotations

import compileall
import json
import platform
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path
from typing import Optional

PACKAGES = ("agentctl", "bench", "kubernetes", "yaml", "requests", "urllib3", "grpc", "google")
"""Those of all sides. An installed package's modules are compiled when it is installed."""

DISTRIBUTIONS = ("/usr", "/usr/local")


def python_build() -> str:
    """The version, and whether it was built to be fast: one that was not takes a third more."""
    if "--enable-optimizations" in str(sysconfig.get_config_var("CONFIG_ARGS")):
        how = "optimised"
    elif sys.base_prefix in DISTRIBUTIONS:
        how = "of the distribution"
    else:
        how = "built without optimisation"
    return f"Python {platform.python_version()} {how}"


def kubectl_build(program: Optional[str]) -> str:
    """Its version. A dispatcher starts another kubectl that fits the server, which takes time."""
    if program is None:
        return "no kubectl"
    done = subprocess.run(
        [program, "version", "--client", "-o", "json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    try:
        version = str(json.loads(done.stdout)["clientVersion"]["gitVersion"])
    except (ValueError, KeyError, TypeError):
        return "kubectl of no known version"
    kind = ", which starts another one that fits the server" if "dispatcher" in version else ""
    return f"kubectl {version}{kind}"


def compile_all() -> None:
    """Compile every side's modules, so that no run pays for that."""
    for name in PACKAGES:
        spec = find_spec(name)
        for place in (spec.submodule_search_locations or ()) if spec is not None else ():
            if Path(place).is_dir():
                compileall.compile_dir(place, quiet=2, workers=1)
