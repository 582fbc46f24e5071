"""Requirements: packages that may not be installed, and the command that installs them here.

A name alone is not enough for whoever installed from a checkout or runs ``agentctl.pyz``: no
index has an ``agentctl[server]`` for them. So a package is asked for by its own name, of the
Python that is running.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Mapping, Sequence

from agentctl.errors import MissingPackageError
from agentctl.threads import refusal_of

REQUIREMENTS: Mapping[str, str] = {
    "yaml": "PyYAML>=5.4.1",
    "requests": "requests>=2.25.1",
    "urllib3": "urllib3>=1.26.5,<3",
    "grpc": "grpcio>=1.59.2",
    "google.protobuf": "protobuf>=4.25.0",
    "grpc_health": "grpcio-health-checking>=1.59.2",
    "grpc_reflection": "grpcio-reflection>=1.59.2",
    "h11": "h11>=0.16",
    "prometheus_client": "prometheus-client>=0.17",
    "kubernetes": "kubernetes>=24.2.0,!=36.0.0",
    "socks": "PySocks>=1.7.1",
}
"""What is imported, and what brings it, as setup.cfg has it."""

GRPC = ("grpc", "google.protobuf")


def require(what: str, modules: Iterable[str], otherwise: str = "") -> None:
    """Import these, which are keys of REQUIREMENTS; ``what`` is the part that needs them.

    ``otherwise`` is what else can be done. Raises MissingPackageError, which names all that
    are missing at once.
    """
    wanting = lacking(modules)
    if wanting:
        told = f"{what} needs {_named(wanting)}: {install_command(wanting)}"
        raise MissingPackageError(f"{told}; {otherwise}" if otherwise else told)


def lacking(modules: Iterable[str]) -> dict[str, str]:
    """Which of these cannot be imported, each with why; empty where it is just not there."""
    found: dict[str, str] = {}
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            if refusal_of(error):
                raise
            found[module] = _why(error)
    return found


def told_of(error: ImportError) -> str:
    """What to do about an import that failed; empty where it was none of our requirements."""
    name = error.name or ""
    for module in REQUIREMENTS:
        if name == module.partition(".")[0] or f"{name}.".startswith(f"{module}."):
            wanting = {module: _why(error)}
            return f"agentctl needs {_named(wanting)}: {install_command(wanting)}"
    return ""


def install_command(modules: Mapping[str, str]) -> str:
    """What to type to have them in the Python that is running now."""
    import shlex
    from importlib.util import find_spec

    python = shlex.quote(sys.executable or "python3")
    wanted = " ".join(shlex.quote(REQUIREMENTS[module]) for module in modules)
    if any(modules.values()):
        wanted = f"--force-reinstall {wanted}"
    if _externally_managed():  # PEP 668: its pip refuses
        if not archive():
            return f"{python} -m pip install --break-system-packages {wanted}"
        folder = "agentctl-venv"
        return (
            f"{python} -m venv {folder} && {folder}/bin/python -m pip install {wanted}, and run "
            f"{folder}/bin/python {shlex.quote(archive())}"
        )
    if find_spec("pip"):
        return f"{python} -m pip install {wanted}"
    import shutil

    if shutil.which("uv"):
        return f"uv pip install --python {python} {wanted}"
    return f"{python} -m ensurepip && {python} -m pip install {wanted}"


def archive() -> str:
    """The path of ``agentctl.pyz``, where that is what runs; else empty."""
    return str(getattr(__spec__.loader, "archive", ""))


def _externally_managed() -> bool:
    if sys.prefix != sys.base_prefix:
        return False
    import sysconfig

    return os.path.exists(os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED"))


def _why(error: ImportError) -> str:
    """Empty where it is not installed; else what it died of, on one line."""
    missing = isinstance(error, ModuleNotFoundError)
    return "" if missing else " ".join(str(error).split()) or type(error).__name__


def _named(modules: Mapping[str, str]) -> str:
    names = [_name(REQUIREMENTS[module]) for module in modules]
    broken: Sequence[str] = [why for why in modules.values() if why]
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)
    noun, verb = ("packages", "are") if names[1:] else ("package", "is")
    within = f" in {os.path.basename(archive())} nor" if archive() else ""
    what = f"cannot be imported ({broken[0]})" if broken else f"{verb} not{within} installed"
    return f"the {noun} {listed}, which {what}"


def _name(requirement: str) -> str:
    return requirement.partition(">")[0]
