"""``cluster``: each scenario runs on the embedded double, and on a real cluster if one is given."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentctl.kube.find_access import discover
from agentctl.kube.overrides import Overrides
from tests.e2e.cluster import Cluster, double_cluster, real_cluster

KUBECONFIG = "AGENTCTL_E2E_KUBECONFIG"
CONTEXT = "AGENTCTL_E2E_CONTEXT"


@pytest.fixture(params=["double", "real"])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    """A namespace of its own, removed afterwards whatever happens."""
    if request.param == "double":
        with double_cluster(tmp_path) as cluster:
            yield cluster
        return
    path = os.environ.get(KUBECONFIG)
    if not path:
        pytest.skip(f"no real cluster: {KUBECONFIG} names no kubeconfig")
    context = os.environ.get(CONTEXT, "")
    access = discover(path, os.environ, os.path.expanduser("~"), Overrides(context=context))
    with real_cluster(access, tmp_path, Path(path).absolute(), context) as cluster:
        yield cluster
