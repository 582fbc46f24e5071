"""Find the cluster as kubectl does: kubeconfig files, or the pod's own service account."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Optional

from agentctl.errors import ConfigError
from agentctl.kube.access import SERVICE_ACCOUNT_ROOT, ClusterAccess
from agentctl.kube.console import NOBODY, Console
from agentctl.kube.kubeconfig import access_from
from agentctl.kube.overrides import NO_OVERRIDES, Overrides


def discover(
    kubeconfig: Optional[str],
    environ: Mapping[str, str],
    home: str,
    overrides: Overrides = NO_OVERRIDES,
    root: str = SERVICE_ACCOUNT_ROOT,
    console: Console = NOBODY,
) -> ClusterAccess:
    """Find the cluster as kubectl does: flag, ``KUBECONFIG``, ``~/.kube/config``, the pod's own.

    Raises ConfigError, which says what to give when there is nothing to be found.
    """
    if kubeconfig:
        return access_from([kubeconfig], environ, overrides, console)
    listed, candidates, paths = _candidates(environ, home)
    in_pod = bool(environ.get("KUBERNETES_SERVICE_HOST"))
    if in_pod and not overrides.needs_file and all(_is_blank(path) for path in paths):
        return overrides.in_access(ClusterAccess.from_service_account(environ, root))
    if paths:
        return access_from(paths, environ, overrides, console)
    raise _nothing_found(listed, candidates)


def kubeconfig_paths(kubeconfig: Optional[str], environ: Mapping[str, str], home: str) -> list[str]:
    """The files that say which contexts there are. Raises ConfigError where there is none."""
    if kubeconfig:
        return [kubeconfig]
    listed, candidates, paths = _candidates(environ, home)
    if not paths:
        raise _nothing_found(listed, candidates)
    return paths


def _candidates(environ: Mapping[str, str], home: str) -> tuple[list[str], list[str], list[str]]:
    """What KUBECONFIG lists, where to look, and which of that is there."""
    listed = [path for path in environ.get("KUBECONFIG", "").split(os.pathsep) if path]
    candidates = listed or [os.path.join(home, ".kube", "config")]
    # A file that is listed but missing is passed over, as kubectl does.
    return listed, candidates, [path for path in candidates if not _is_missing(path)]


def _nothing_found(listed: Sequence[str], candidates: Sequence[str]) -> ConfigError:
    said = (
        f"KUBECONFIG names no file that exists ({', '.join(listed)})"
        if listed
        else (f"no kubeconfig: {candidates[0]} does not exist")
    )
    return ConfigError(f"{said} and this is no pod; name one with --kubeconfig FILE")


def _is_missing(path: str) -> bool:
    """Not where it is a loop of links, or in a folder that we may not look into."""
    try:
        os.stat(path)
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        pass
    return False


def _is_blank(path: str) -> bool:
    try:
        return os.path.getsize(path) == 0
    except OSError:
        return False
