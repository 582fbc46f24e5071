"""What deploy/README.md tells to do, done as far as it goes without a cluster."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.authorizer import allowed, asked, granted
from tests.deploy.shipped import DEPLOY, ROOT, parsed
from tests.kubectl import KUBECTL, NO_KUBECTL

README = (DEPLOY / "README.md").read_text(encoding="utf-8")
needs_kubectl = pytest.mark.skipif(KUBECTL is None, reason=NO_KUBECTL)


def marked(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n```\w+\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    assert found, f"deploy/README.md has no block marked {name}"
    return found[1]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A place with `deploy` and `tools` in it, to do things in."""
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    (tmp_path / "tools").symlink_to(ROOT / "tools")
    return tmp_path


def shell(script: str, tree: Path) -> None:
    script = script.replace("python ", f"PYTHONPATH={shlex.quote(str(ROOT))} {sys.executable} ")
    subprocess.run(["sh", "-eu", "-c", script], cwd=tree, check=True, timeout=30)


def kustomize(folder: Path) -> list[dict[str, Any]]:
    assert KUBECTL is not None
    done = subprocess.run(
        [KUBECTL, "kustomize", str(folder)], check=True, capture_output=True, text=True, timeout=30
    )
    return list(yaml.safe_load_all(done.stdout))


def container_of(built: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = [one for one in built if one["kind"] == "Deployment"]
    (made,) = found["spec"]["template"]["spec"]["containers"]
    return dict(made)


def test_another_namespace_is_a_copy_with_roles_of_its_own(tree: Path) -> None:
    shell(marked("another-namespace"), tree)
    texts = [path.read_text(encoding="utf-8") for path in (tree / "staging").glob("*.yaml")]
    built = [one for text in texts for one in yaml.safe_load_all(text) if "metadata" in one]
    places = {one["metadata"].get("namespace") for one in built}
    assert places == {None, "staging", "temporal"}
    assert "--namespace=staging" in container_of(built)["args"]
    rules = granted(built, ("staging", "agentctl"))
    assert allowed(rules, asked("/apis/apps/v1/namespaces/staging/deployments", {}))
    assert not allowed(rules, asked("/apis/apps/v1/namespaces/agents/deployments", {}))


@needs_kubectl
def test_a_catalog_of_ones_own_is_mounted_and_given(tree: Path) -> None:
    shell(marked("another-namespace"), tree)
    (tree / "staging" / "mine.yaml").write_text("components: []\n")
    with (tree / "staging" / "kustomization.yaml").open("a", encoding="utf-8") as file:
        file.write(marked("another-catalog"))
    built = kustomize(tree / "staging")
    (config,) = [one for one in built if one["kind"] == "ConfigMap"]
    assert config["metadata"]["namespace"] == "staging"
    assert list(config["data"]) == ["mine.yaml"]
    (pod,) = [one["spec"]["template"]["spec"] for one in built if one["kind"] == "Deployment"]
    assert pod["volumes"][-1]["configMap"] == {"name": config["metadata"]["name"]}
    args, mounts = container_of(built)["args"], container_of(built)["volumeMounts"]
    assert args[-1] == f"--catalog={mounts[-1]['mountPath']}/mine.yaml"


@needs_kubectl
def test_a_catalog_that_ships_is_given_with_its_roles(tree: Path) -> None:
    shell(marked("shipped-catalog"), tree)
    built = kustomize(tree / "flux")
    args = container_of(built)["args"]
    assert args[-1] == "--catalog=flux"
    assert [one for one in args if one.startswith("--namespace")] == ["--namespace=flux-system"]
    rules = granted(built, ("agents", "agentctl"))
    sources = "/apis/source.toolkit.fluxcd.io/v1/gitrepositories"
    assert allowed(rules, asked("/apis/apps/v1/namespaces/flux-system/deployments", {}))
    assert allowed(rules, asked(sources, {}))


@needs_kubectl
def test_the_overlay_of_the_first_steps_names_the_image(tree: Path) -> None:
    found = re.search(r"^mkdir mine\n.*?^END\n", README, re.DOTALL | re.MULTILINE)
    assert found
    shell(found[0], tree)
    image = container_of(kustomize(tree / "mine"))["image"]
    assert f"docker push {image}\n" in README
    assert f"-t {image} " in README


def test_every_serve_command_shown_is_one_that_can_be_given() -> None:
    text = README.replace("\\\n", " ")
    shown = re.findall(r"^ *docker run .*? (serve .*)$", text, re.MULTILINE)
    assert shown
    for line in shown:
        assert callable(parsed(shlex.split(line)).run)


def test_every_link_and_path_leads_to_something() -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", README)
    assert links
    assert [link for link in links if not (DEPLOY / link).exists()] == []
    paths = set(re.findall(r"\b(?:deploy|tools|tests)/[\w./-]+\w", README))
    assert [path for path in paths if not (ROOT / path).exists()] == []
