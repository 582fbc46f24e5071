"""What each component's verdict rests on, as the server's metrics ask."""

from __future__ import annotations

from agentctl.catalog.loader import load, load_default
from agentctl.kube.evaluate import Evaluator
from agentctl.model import ItemKey


def test_a_component_rests_on_what_its_checks_need() -> None:
    components = load_default(probes=False).components
    found = Evaluator(components, ["agents"], "agents").sources()
    assert set(found[ItemKey("agents", "agents-controller")]) >= {"deployments", "leases"}
    assert found[ItemKey("agents", "namespace")] == ("namespaces",)
    assert all(found[ItemKey("agents", one.name)] for one in components if not one.static)


def test_a_probe_is_none_of_them() -> None:
    found = Evaluator(load_default(probes=True).components, ["agents"], "agents").sources()
    names = {name for sources in found.values() for name in sources}
    assert "deployments" in found[ItemKey("agents", "database")]
    assert "apis" in names
    assert not [name for name in names if name.startswith("probe")]


def test_what_is_found_rests_on_what_its_template_needs() -> None:
    text = "components: [{each: {kinds: [Deployment]}}]"
    (component,) = load(text.encode(), "catalog").components
    assert component.each is not None
    found = Evaluator([component], ["agents"], "agents").sources()
    assert "deployments" in found[ItemKey("agents", component.each.noun)]
