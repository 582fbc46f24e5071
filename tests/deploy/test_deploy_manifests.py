"""The manifests agree with one another, with the program, and with the Kubernetes API."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any, Optional

import pytest
import yaml

import agentctl
from agentctl.catalog.loader import load_default
from agentctl.errors import UsageError
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.selectors import LabelSelector
from tests.deploy.shipped import DEPLOY, KUBERNETES, ROOT, container, documents, parsed, the
from tests.kubectl import KUBECTL, NO_KUBECTL

SHUTDOWN_S = 5
"""How long the server takes to end its streams, at most."""

OVERLAY = DEPLOY / "kubernetes-tls"


def pod() -> dict[str, Any]:
    return dict(the("Deployment")["spec"]["template"]["spec"])


def container_ports() -> dict[str, int]:
    return {one["name"]: one["containerPort"] for one in container()["ports"]}


def with_tls() -> list[str]:
    """The arguments with what the overlay adds."""
    patch = yaml.safe_load((OVERLAY / "deployment-patch.yaml").read_text())
    added = [one["value"] for one in patch if one["path"].endswith("/args/-")]
    assert added
    return [*container()["args"], *added]


def test_there_is_one_of_each_kind_that_a_server_needs() -> None:
    kinds = [one["kind"] for one in documents() if "Role" not in one["kind"]]
    assert sorted(kinds) == [
        "Deployment",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
        "ServiceAccount",
    ]


def test_every_file_is_listed() -> None:
    listed = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    assert {*listed, "kustomization.yaml"} == {path.name for path in KUBERNETES.iterdir()}


def test_each_file_says_its_namespace_itself() -> None:
    """So that a file can be applied alone, and no transformer is needed to make it right."""
    for one in documents():
        namespace = one["metadata"].get("namespace")
        if one["kind"].startswith("Cluster"):
            assert namespace is None
        else:
            assert namespace in ("agents", "temporal")
            assert namespace == "agents" or one["kind"] in ("Role", "RoleBinding")


def test_no_namespace_is_created_that_a_delete_would_take_along() -> None:
    assert "Namespace" not in {one["kind"] for one in documents()}


@pytest.mark.parametrize("arguments", [container()["args"], with_tls()], ids=["plain", "tls"])
def test_the_program_takes_every_flag(arguments: list[str]) -> None:
    args = parsed(arguments)
    assert arguments[0] == "serve"
    assert callable(args.run)


def test_a_flag_that_does_not_exist_would_be_noticed() -> None:
    with pytest.raises(UsageError, match="--htpp"):
        parsed([*container()["args"], "--htpp=0.0.0.0:80"])


def test_the_flags_say_the_ports_of_the_container() -> None:
    args = parsed(container()["args"])
    said = {"http": args.http, "grpc": args.grpc, "probe": args.probe}
    assert {name: address.port for name, address in said.items()} == container_ports()
    assert {address.host for address in said.values()} == {"0.0.0.0"}


def test_the_service_leads_to_the_ports_of_readers() -> None:
    ports = the("Service")["spec"]["ports"]
    assert {one["targetPort"]: one["port"] for one in ports} == {
        name: port for name, port in container_ports().items() if name != "probe"
    }


def test_the_network_policy_lets_in_what_the_service_leads_to_and_no_more() -> None:
    spec = the("NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    (rule,) = spec["ingress"]
    assert rule["from"]
    assert {one["port"] for one in rule["ports"]} == {
        one["port"] for one in the("Service")["spec"]["ports"]
    }
    out = {(one["protocol"], one["port"]) for rule in spec["egress"] for one in rule["ports"]}
    assert out == {("TCP", 443), ("TCP", 6443), ("UDP", 53), ("TCP", 53)}


def test_probes_ask_the_probe_port_for_what_it_serves() -> None:
    probes = {name: container()[name]["httpGet"] for name in container() if name.endswith("Probe")}
    assert probes == {
        "startupProbe": {"path": "/healthz", "port": "probe"},
        "livenessProbe": {"path": "/healthz", "port": "probe"},
        "readinessProbe": {"path": "/readyz", "port": "probe"},
    }


def test_every_selector_selects_the_pods() -> None:
    deployment = the("Deployment")["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    selectors = [
        deployment["selector"]["matchLabels"],
        the("Service")["spec"]["selector"],
        the("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        the("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        *(one["labelSelector"]["matchLabels"] for one in pod()["topologySpreadConstraints"]),
    ]
    assert selectors == [labels] * 6
    assert [one["metadata"]["labels"] for one in documents()] == [labels] * len(documents())


def test_the_pods_are_not_taken_for_the_control_planes_own() -> None:
    labels = the("Deployment")["spec"]["template"]["metadata"]["labels"]
    chart = {"app.kubernetes.io/name": "agents"}
    assert any(labels.get(key) != value for key, value in chart.items())
    selectors = [
        spec.label_selector
        for spec in Evaluator(load_default().components, ["agents"], "agents").specs
        if spec.resource.plural == "pods"
    ]
    assert selectors
    assert not any(LabelSelector.parse(one).matches(labels) for one in selectors)


def test_nothing_is_privileged_or_written() -> None:
    assert pod()["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & set(pod())
    assert all(mount["readOnly"] for mount in container()["volumeMounts"])
    assert not [one for one in pod()["volumes"] if "hostPath" in one]


def test_the_environment_holds_nothing_that_the_program_would_take_for_a_setting() -> None:
    """A Service called agentctl would otherwise set AGENTCTL_PORT and others."""
    assert pod()["enableServiceLinks"] is False
    assert "env" not in container()
    assert "envFrom" not in container()


def test_a_stop_has_the_time_it_takes() -> None:
    command, seconds = container()["lifecycle"]["preStop"]["exec"]["command"]
    assert command == "sleep"
    assert pod()["terminationGracePeriodSeconds"] >= int(seconds) + SHUTDOWN_S + 5


def test_one_replica_is_always_there() -> None:
    spec = the("Deployment")["spec"]
    assert spec["replicas"] > the("PodDisruptionBudget")["spec"]["minAvailable"] >= 1
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    unsatisfied = {one["whenUnsatisfiable"] for one in pod()["topologySpreadConstraints"]}
    assert unsatisfied == {"ScheduleAnyway"}


def test_every_file_of_the_arguments_is_mounted_from_a_secret_as_a_directory() -> None:
    patch = yaml.safe_load((OVERLAY / "deployment-patch.yaml").read_text())
    added = {one["path"].rpartition("/containers/0/")[2]: one["value"] for one in patch}
    mounts = [*container()["volumeMounts"], added["volumeMounts/-"]]
    volumes = {
        one["name"]: one["secret"]["secretName"]
        for one in [*pod()["volumes"], added["/spec/template/spec/volumes/-"]]
    }
    folders = {mount["mountPath"]: volumes[mount["name"]] for mount in mounts}
    args = parsed(with_tls())
    files = {
        path: folders[str(Path(path).parent)]
        for path in (args.token_file, args.tls_cert, args.tls_key)
    }
    assert files == {
        "/etc/agentctl/token/token": "agentctl-token",
        "/etc/agentctl/tls/tls.crt": "agentctl-tls",
        "/etc/agentctl/tls/tls.key": "agentctl-tls",
    }
    assert not [mount for mount in mounts if "subPath" in mount]


def test_the_image_has_the_version_of_this_tree() -> None:
    assert container()["image"] == f"agentctl:{agentctl.__version__}"
    texts = [
        path.read_text(encoding="utf-8")
        for path in DEPLOY.rglob("*")
        if path.is_file() and path.suffix != ".service"
    ]
    tags = [tag for text in texts for tag in re.findall(r"\bagentctl:(\d[\w.]*)", text)]
    assert set(tags) == {agentctl.__version__}


@pytest.mark.skipif(KUBECTL is None, reason=NO_KUBECTL)
@pytest.mark.parametrize("folder", [KUBERNETES, OVERLAY], ids=lambda folder: str(folder.name))
def test_kubectl_builds_the_kustomization(folder: Path) -> None:
    assert KUBECTL is not None
    done = subprocess.run(
        [KUBECTL, "kustomize", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    built = list(yaml.safe_load_all(done.stdout))
    assert {key(one) for one in built} == {key(one) for one in documents()}
    (found,) = [one for one in built if one["kind"] == "Deployment"]
    (made,) = found["spec"]["template"]["spec"]["containers"]
    assert made["args"] == (with_tls() if folder == OVERLAY else container()["args"])
    conforms(found)


def key(one: dict[str, Any]) -> tuple[str, Optional[str], str]:
    return one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]


def conforms(manifest: dict[str, Any]) -> None:
    """Hold a manifest against the types of the official client, which are made from the API."""
    # The first release that knows every field used here (of Kubernetes 1.26).
    models = pytest.importorskip("kubernetes", minversion="26.1.0").client.models
    group, _, version = manifest["apiVersion"].rpartition("/")
    assert version == "v1", f"{group} is not stable"
    mistakes = list(differing(manifest, f"V1{manifest['kind']}", manifest["kind"], models))
    assert mistakes == []


def differing(value: Any, wanted: str, where: str, models: Any) -> Any:
    """Where a value is not of its type: a field too many or missing, or another type."""
    # How a type is written differs from one release of the client to the next.
    listed = re.fullmatch(r"[Ll]ist\[(.+)\]", wanted)
    mapped = re.fullmatch(r"[Dd]ict[(\[]str, (.+)[)\]]", wanted)
    scalars = {"str": str, "int": int, "bool": bool, "object": object}
    if listed or mapped:
        inner = (listed or mapped)[1]  # type: ignore[index]
        if not isinstance(value, list if listed else dict):
            yield f"{where}: not a {wanted}"
            return
        each = enumerate(value) if isinstance(value, list) else value.items()
        for at, one in each:
            yield from differing(one, inner, f"{where}[{at}]", models)
    elif wanted in scalars:
        wrong = isinstance(value, bool) and wanted == "int"
        if wrong or not isinstance(value, scalars[wanted]):
            yield f"{where}: {value!r} is no {wanted}"
    else:
        model = getattr(models, wanted)
        names = {json: name for name, json in model.attribute_map.items()}
        for field in value:
            if field not in names:
                yield f"{where}: no field {field!r}"
        known = {names[field]: one for field, one in value.items() if field in names}
        try:
            model(**known)
        except ValueError as error:  # a field that is required and is not there
            yield f"{where}: {error}"
        for name, one in known.items():
            yield from differing(one, model.openapi_types[name], f"{where}.{name}", models)


@pytest.mark.parametrize("manifest", documents(), ids=lambda one: "-".join(map(str, key(one))))
def test_the_manifest_conforms_to_the_api(manifest: dict[str, Any]) -> None:
    conforms(manifest)


@pytest.mark.parametrize(
    ("field", "value"),
    [("replica", 2), ("replicas", "2"), ("template", {"spec": {"containers": None}})],
)
def test_a_mistake_in_a_manifest_would_be_noticed(field: str, value: Any) -> None:
    broken = the("Deployment")
    broken["spec"][field] = value
    with pytest.raises(AssertionError):
        conforms(broken)
