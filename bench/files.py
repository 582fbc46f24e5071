"""The files that clients of the recorded stream are given."""

from __future__ import annotations

from bench.process import Bench
from bench.recording import WORKLOAD
from bench.stream_server import crd_names

_CATALOG = """\
name: bench
components:
  - name: agents
    checks:
      - kind: workload
        names: [{workload}]
        pods: app.kubernetes.io/name=agents
"""

_CRDS = """\
      - kind: crds
        names: [{names}]
"""

_KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters:
- name: bench
  cluster: {{server: "http://127.0.0.1:{port}"}}
contexts:
- name: bench
  context: {{cluster: bench, user: bench, namespace: agents}}
current-context: bench
users:
- name: bench
  user: {{token: bench-token}}
"""


def catalog(bench: Bench, crds: int = 0) -> str:
    """One workload, so that only Deployments and pods are watched; and CRDs if asked for."""
    text = _CATALOG.format(workload=WORKLOAD)
    if crds:
        text += _CRDS.format(names=", ".join(crd_names(crds)))
    return bench.file(f"catalog-{crds}.yaml", text)


def kubeconfig(bench: Bench, port: int) -> str:
    """A static token for the recorded stream's server."""
    return bench.file(f"kubeconfig-{port}", _KUBECONFIG.format(port=port))
