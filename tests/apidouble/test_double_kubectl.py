"""The real kubectl on the double: it lists, watches and writes."""

from __future__ import annotations

import subprocess

import pytest

from tests.kubectl import KUBECTL, NO_KUBECTL

pytestmark = [
    pytest.mark.skipif(KUBECTL is None, reason=NO_KUBECTL),
    pytest.mark.usefixtures("plane"),
]


@pytest.fixture
def command(double, tmp_path):
    path = tmp_path / "kubeconfig"
    double.kubeconfig(path)
    # Its discovery cache goes by host and port, which another test may have had.
    cache = f"--cache-dir={tmp_path / 'cache'}"
    return lambda *args: [KUBECTL, f"--kubeconfig={path}", cache, *args]


@pytest.fixture
def kubectl(command):
    def run(*args, **kwargs):
        result = subprocess.run(
            command(*args),
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
            **kwargs,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run


def test_get_prints_tables(kubectl):
    out = kubectl("get", "deploy,pods,leases", "-n", "agents")
    rows = [line.split() for line in out.splitlines() if line]
    assert ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"] in rows
    assert ["NAME", "READY", "STATUS", "RESTARTS", "AGE"] in rows
    assert ["NAME", "HOLDER", "AGE"] in rows
    assert ["deployment.apps/agents", "2/2", "2", "2"] in [row[:4] for row in rows]
    assert sum(row[0].startswith("pod/") for row in rows) == 4


def test_get_watch_follows(command, double, plane):
    process = subprocess.Popen(
        command("get", "deploy", "-n", "agents", "-w"), stdout=subprocess.PIPE, text=True
    )
    try:
        assert double.streams.wait_for(1, "deployments", timeout=20)
        plane.controller_crashes()
        lines = [process.stdout.readline().split()[:2] for _ in range(4)]
    finally:
        process.kill()
        process.communicate()
    assert lines[1:] == [
        ["agents", "2/2"],
        ["agents-controllers", "2/2"],
        ["agents-controllers", "1/2"],
    ]


MANIFEST = """\
apiVersion: v1
kind: Namespace
metadata: {name: extra}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: extra}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "web:1"}]}
---
apiVersion: agents.proompteng.ai/v1alpha1
kind: Agent
metadata: {name: one, namespace: extra}
"""


def test_apply_patch_scale_and_delete(kubectl, store):
    kubectl("apply", "-f", "-", input=MANIFEST)
    out = kubectl("apply", "-f", "-", input=MANIFEST.replace("web:1", "web:2"))
    assert "deployment.apps/web configured" in out
    kubectl("scale", "deploy/web", "-n", "extra", "--replicas=3")
    patch = '{"status":{"readyReplicas":2}}'
    kubectl(
        "patch", "deploy/web", "-n", "extra", "--subresource=status", "--type=merge", "-p", patch
    )
    web = store.get("deployments", "extra", "web")
    assert web["spec"]["replicas"] == 3
    assert web["status"] == {"readyReplicas": 2}
    assert web["spec"]["template"]["spec"]["containers"] == [{"name": "web", "image": "web:2"}]
    assert kubectl("get", "deploy", "-n", "extra").split()[5:7] == ["web", "2/3"]
    assert "one" in kubectl("get", "agents", "-n", "extra")
    kubectl("delete", "deploy", "web", "-n", "extra")
    kubectl("delete", "namespace", "extra")  # it waits until it is gone
    assert "extra" not in kubectl("get", "namespaces")


def test_typed_commands_work_though_they_send_protobuf(kubectl, store):
    kubectl("create", "namespace", "typed")
    kubectl("create", "deployment", "web", "-n", "typed", "--image=web:1", "--replicas=0")
    kubectl("create", "configmap", "settings", "-n", "typed", "--from-literal=greeting=grüß")
    assert kubectl("auth", "can-i", "list", "pods", "-n", "agents").strip() == "yes"
    spec = store.get("deployments", "typed", "web")["spec"]
    assert spec["replicas"] == 0
    assert spec["selector"] == {"matchLabels": {"app": "web"}}
    assert spec["template"]["spec"] == {"containers": [{"name": "web", "image": "web:1"}]}
    assert store.get("configmaps", "typed", "settings")["data"] == {"greeting": "grüß"}
