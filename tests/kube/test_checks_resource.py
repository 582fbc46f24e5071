"""``resource``: any objects judged by rules, counted, and the worst three named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

import pytest

from agentctl.engine.messages import Change, ObjectKey
from agentctl.kube.cuts.facts import CLOSER
from agentctl.kube.explain.finding import Explains
from agentctl.kube.rbac import permissions, roles
from agentctl.kube.resources import Seen
from agentctl.model import format_time, parse_time
from tests.kube.judged import EPOCH, SEEN, Cluster, Object, component, named

OF = "kind: resource, of: lamps.example.org"
READY = component(f"{{{OF}, rules: ready}}")
SOURCE = "lamps.example.org"


def at(epoch: float) -> str:
    from datetime import datetime, timezone

    return format_time(datetime.fromtimestamp(epoch, timezone.utc))


def lamp(
    name: str, ready: Optional[str] = "True", namespace: str = "agents", **more: Any
) -> Object:
    condition = {"type": "Ready", "status": ready, "reason": "Bulb", "message": "as it is"}
    if "since" in more:
        condition["lastTransitionTime"] = at(more.pop("since"))
    status = {"conditions": [condition] if ready else [], **more.pop("status", {})}
    return named(name, namespace, status=status, kind="Lamp", **more)


def change(cluster: Cluster, item: Object, seen: Seen = SEEN) -> None:
    view = cluster.evaluator.view
    view.apply(SOURCE, [view.sources[SOURCE].spec.change(item, seen)])


def later(seconds: float) -> Seen:
    return Seen(SEEN.monotonic + seconds, SEEN.server_time + seconds)


def test_all_well_says_nothing() -> None:
    cluster = Cluster(READY).has(SOURCE, lamp("a"), lamp("b"))
    item = cluster.item()
    assert (item.status.value, item.message, dict(item.details)) == ("healthy", "", {})


def test_none_there_is_configured() -> None:
    assert Cluster(READY).says() == ("configured", "no lamps.example.org there")


def test_one_object_is_told_with_what_its_status_says() -> None:
    cluster = Cluster(READY).has(SOURCE, lamp("a", "False"))
    assert cluster.says() == ("degraded", "a: Ready=False (Bulb): as it is")


def test_many_are_counted_and_the_worst_three_named() -> None:
    bad = [lamp(f"bad-{n}", "False") for n in range(5)]
    cluster = Cluster(READY).has(
        SOURCE, *bad, *(lamp(f"ok-{n}") for n in range(90)), lamp("x", None)
    )
    item = cluster.item()
    why = "Ready=False (Bulb): as it is"
    assert item.message == (
        f"5 of 96 degraded, 1 unknown: bad-0: {why}; bad-1: {why}; bad-2: {why}"
    )
    assert item.details["counts"] == {"degraded": 5, "unknown": 1, "healthy": 90}
    assert [one["name"] for one in item.details["worst"]] == ["bad-0", "bad-1", "bad-2"]


def test_a_message_is_bounded() -> None:
    noisy = [lamp(f"n{n}", "False", status={}) for n in range(3)]
    for one in noisy:
        one["status"]["conditions"][0]["message"] = "x" * 100_000
    assert len(Cluster(READY).has(SOURCE, *noisy).item().message) < 600


def test_nothing_recognised_is_unknown() -> None:
    cluster = Cluster(READY).has(SOURCE, lamp("a", None))
    assert cluster.says() == ("unknown", "a: its status says nothing that the rules know")


def test_suspended_is_configured() -> None:
    rules = "[{suspended: [.spec.suspend=true]}, {healthy: [Ready=True]}]"
    cluster = Cluster(component(f"{{{OF}, rules: {rules}}}"))
    cluster.has(SOURCE, lamp("a"), lamp("b", spec={"suspend": True}))
    assert cluster.says() == ("configured", "1 of 2 suspended: b: .spec.suspend=true")


def test_progress_is_unknown_and_after_its_grace_degraded() -> None:
    cluster = Cluster(READY).has(SOURCE, lamp("a", "Unknown", since=EPOCH - 290))
    why = "Ready=Unknown (Bulb): as it is"
    assert cluster.says() == ("unknown", f"a: progressing: {why}")
    assert cluster.evaluator.next_recheck == 1010.0
    assert cluster.says(now=1009.0)[0] == "unknown"
    assert cluster.says(now=1010.0) == (
        "degraded",
        f"a: progressing for more than 5m0s: {why}",
    )


@pytest.mark.parametrize(("generation", "over"), [(1, 1260.0), (2, 1300.0)])
def test_progress_without_a_transition_counts_since_creation_or_sight(
    generation: int, over: float
) -> None:
    item = lamp("a", "Unknown", generation=generation)
    item["metadata"]["creationTimestamp"] = at(EPOCH - 40)
    cluster = Cluster(READY).has(SOURCE, item)
    assert cluster.says(now=over - 1)[0] == "unknown"
    assert cluster.evaluator.next_recheck == over
    assert cluster.says(now=over)[0] == "degraded"


def test_progress_counts_since_it_was_first_seen_however_often_it_changes() -> None:
    cluster = Cluster(READY).has(SOURCE, lamp("a", "Unknown"))
    cluster.says()
    change(cluster, lamp("a", "Unknown", status={"phase": "new"}), later(200))
    item = lamp("a", "Unknown")
    item["status"]["conditions"][0]["message"] = "another"
    change(cluster, item, later(250))
    assert cluster.says(now=1299.0)[0] == "unknown"
    assert cluster.says(now=1300.0)[0] == "degraded"


def test_progress_that_was_seen_to_begin_did_not_begin_before_that() -> None:
    """A rollout changes no condition at first: their transitions are of another time."""
    rules = "[{progressing: [.status.lit<.spec.bulbs]}, {healthy: [Ready=True]}]"
    cluster = Cluster(component(f"{{{OF}, rules: {rules}}}"))
    well = lamp("a", since=EPOCH - 9999, spec={"bulbs": 3}, status={"lit": 3})
    cluster.has(SOURCE, well)
    cluster.says()
    well["status"] = {**well["status"], "lit": 2}
    change(cluster, well, later(10))
    assert cluster.says(now=1012.0)[0] == "unknown"
    assert cluster.says(now=1309.0)[0] == "unknown"
    assert cluster.says(now=1310.0)[0] == "degraded"


def test_an_older_generation_counts_since_it_was_seen() -> None:
    item = lamp("a", generation=3, status={"observedGeneration": 2}, since=EPOCH - 9999)
    cluster = Cluster(READY).has(SOURCE, item)
    assert cluster.says(now=1299.0)[0] == "unknown"
    assert cluster.says(now=1300.0)[0] == "degraded"


def test_a_transition_in_the_future_is_now() -> None:
    cluster = Cluster(READY).has(SOURCE, lamp("a", "Unknown", since=EPOCH + 5000))
    assert cluster.says(now=1300.0)[0] == "degraded"


def test_the_grace_is_the_catalogs() -> None:
    cluster = Cluster(component(f"{{{OF}, rules: ready, grace: 10s}}"))
    cluster.has(SOURCE, lamp("a", "Unknown", since=EPOCH))
    assert cluster.says(now=1009.0)[0] == "unknown"
    assert cluster.says(now=1010.0)[0] == "degraded"


def test_progress_that_is_over_within_two_seconds_is_not_told() -> None:
    cluster = Cluster(READY).has(SOURCE, lamp("a"), lamp("b"))
    cluster.says()
    change(cluster, lamp("a", "Unknown", since=EPOCH + 10), later(10))
    assert cluster.says(now=1010.0) == ("healthy", "")
    assert cluster.evaluator.next_recheck == 1012.0
    change(cluster, lamp("a"), later(11))
    assert cluster.says(now=1011.0) == ("healthy", "")
    assert cluster.says(now=1012.0) == ("healthy", "")
    change(cluster, lamp("a", "Unknown", since=EPOCH + 20), later(20))
    assert cluster.says(now=1021.9)[0] == "healthy"
    assert cluster.says(now=1022.0)[0] == "unknown"


def test_a_new_object_is_not_told_before_it_has_had_two_seconds() -> None:
    cluster = Cluster(READY).has(SOURCE, lamp("a"))
    cluster.says()
    change(cluster, lamp("new", "Unknown"), later(1))
    assert cluster.says(now=1001.0) == ("healthy", "")
    assert cluster.says(now=1003.0)[0] == "unknown"


def test_what_goes_does_not_count_any_more() -> None:
    cluster = Cluster(READY).has(SOURCE, lamp("a", "False"), lamp("b"))
    assert cluster.says()[0] == "degraded"
    view = cluster.evaluator.view
    view.apply(SOURCE, [view.sources[SOURCE].spec.deletion(lamp("a"))])
    assert cluster.says() == ("healthy", "")


def test_a_list_takes_the_place_of_what_was_known() -> None:
    cluster = Cluster(READY).has(SOURCE, lamp("a", "False"), lamp("b"))
    cluster.says()
    cluster.has(SOURCE, lamp("b"), lamp("c"))
    assert cluster.says() == ("healthy", "")
    cluster.has(SOURCE)
    assert cluster.says()[0] == "configured"


def test_a_resource_that_is_not_served_is_unknown_and_so_are_its_objects() -> None:
    cluster = Cluster(READY).has(SOURCE, lamp("a"))
    view = cluster.evaluator.view
    view.replace(SOURCE, view.sources[SOURCE].spec.absence())
    assert cluster.says() == ("unknown", "lamps.example.org is not served: is it installed?")
    cluster.has(SOURCE, lamp("a"))
    assert cluster.says() == ("healthy", "")


def test_expiry_is_told_before_and_when_it_comes() -> None:
    check = f"{{{OF}, rules: ready, expires: {{at: .status.notAfter, warn: 7d}}}}"
    end = EPOCH + 8 * 86400
    cluster = Cluster(component(check)).has(SOURCE, lamp("a", status={"notAfter": at(end)}))
    assert cluster.says() == ("healthy", "")
    assert cluster.evaluator.next_recheck == 1000.0 + 86400
    assert cluster.says(now=1000.0 + 86400) == ("degraded", f"a: expires at {at(end)}")
    assert cluster.says(now=1000.0 + 8 * 86400) == ("error", f"a: expired at {at(end)}")


def test_an_expiry_that_is_no_time_is_none() -> None:
    check = f"{{{OF}, rules: ready, expires: {{at: .status.notAfter}}}}"
    cluster = Cluster(component(check))
    cluster.has(SOURCE, lamp("a", status={"notAfter": "soon"}), lamp("b", status={"notAfter": 5}))
    assert cluster.says() == ("healthy", "")


def test_names_and_labels_narrow_it() -> None:
    cluster = Cluster(component(f"{{{OF}, rules: ready, names: ['a-*'], labels: color=red}}"))
    red, blue = {"color": "red"}, {"color": "blue"}
    cluster.has(
        SOURCE,
        lamp("a-1", labels=red),
        lamp("a-2", "False", labels=blue),
        lamp("b", "False", labels=red),
    )
    assert cluster.says() == ("healthy", "")


def test_a_name_that_no_object_has_is_an_error() -> None:
    cluster = Cluster(component(f"{{{OF}, rules: ready, names: [a, b]}}")).has(SOURCE, lamp("a"))
    assert cluster.says() == ("error", "lamps.example.org b not found")


def test_two_checks_of_one_resource_keep_their_own_objects() -> None:
    catalog = (
        "components:\n"
        f"  - {{name: one, checks: [{{{OF}, rules: ready, labels: color=red}}]}}\n"
        f"  - {{name: two, checks: [{{{OF}, rules: ready}}]}}\n"
    )
    cluster = Cluster(catalog)
    cluster.has(SOURCE, lamp("a", labels={"color": "red"}), lamp("b", "False"))
    assert cluster.says("one") == ("healthy", "")
    assert cluster.says("two")[0] == "degraded"


def test_places_are_the_watched_a_list_or_all() -> None:
    def sources(places: str) -> list[str]:
        return list(Cluster(component(f"{{{OF}, rules: ready{places}}}")).evaluator.view.sources)

    assert sources("") == ["lamps.example.org"]
    assert sources(", in: [x, '{namespace}']") == ["lamps.example.org/x", "lamps.example.org"]
    assert sources(", in: all") == ["lamps.example.org/*"]
    nodes = Cluster(component("{kind: resource, of: nodes}")).evaluator.view.sources
    assert list(nodes) == ["nodes"]


def test_objects_elsewhere_are_named_with_their_namespace() -> None:
    cluster = Cluster(component(f"{{{OF}, rules: ready, in: all}}"))
    cluster.has("lamps.example.org/*", lamp("a", "False", "agents"), lamp("b", "False", "x"))
    assert "a: Ready=False" in cluster.says()[1]
    assert "x/b: Ready=False" in cluster.says()[1]


def test_a_known_resource_shares_the_watch_of_other_checks() -> None:
    catalog = (
        "components:\n"
        "  - name: it\n"
        "    checks: [{kind: resource, of: deployments.apps}, {kind: workload, names: [a]}]\n"
    )
    assert [spec.name for spec in Cluster(catalog).evaluator.specs] == ["deployments", "pods"]


def test_permissions_are_derived() -> None:
    catalog = component(f"{{{OF}, in: all}}")
    rows = permissions(Cluster(catalog).evaluator.specs)
    (role,) = roles(rows)
    assert role["kind"] == "ClusterRole"
    assert {"apiGroups": ["example.org"], "resources": ["lamps"], "verbs": ["list", "watch"]} in (
        role["rules"]
    )
    here = roles(permissions(Cluster(component(f"{{{OF}, names: [a]}}")).evaluator.specs))
    row = next(one for one in here if one["kind"] == "Role")["rules"][0]
    assert row["resourceNames"] == ["a"]


def test_what_cannot_be_seen_is_unknown() -> None:
    cluster = Cluster(READY).has(SOURCE, lamp("a")).cannot_see(SOURCE, "forbidden")
    assert cluster.says() == ("unknown", "forbidden")


def test_a_watch_that_is_lost_ends_no_grace() -> None:
    cluster = Cluster(READY).has(SOURCE, lamp("a", "Unknown", since=EPOCH))
    view = cluster.evaluator.view
    cluster.says()
    view.mark_lost(SOURCE, 1200.0)
    assert cluster.says(now=1400.0)[0] == "unknown"
    view.mark_found(SOURCE, 1410.0)
    assert cluster.says(now=1411.0)[0] == "unknown"
    assert cluster.says(now=1421.0)[0] == "degraded"


def test_one_change_costs_the_same_among_many() -> None:
    class Counted(dict):  # type: ignore[type-arg]
        """A table that is never walked."""

        def __iter__(self) -> Any:
            raise AssertionError("walked")

        items = values = keys = __iter__

    cluster = Cluster(READY).has(SOURCE, *(lamp(f"l{n}", "False") for n in range(500)))
    cluster.says()
    view = cluster.evaluator.view
    source = view.sources[SOURCE]
    source.tables = {cut: Counted(table) for cut, table in source.tables.items()}
    change(cluster, lamp("l7"))
    assert cluster.evaluator.evaluate({SOURCE}, 1000.0)[0].message.startswith("499 of 500 degraded")


def test_a_finding_names_the_worst_its_rule_and_a_remedy() -> None:
    cluster = Cluster(READY, closer=CLOSER).has(SOURCE, lamp("a", "False"), lamp("b"))
    cluster.says()
    check = cluster.components[0].checks[0]
    context = cluster.evaluator.context("agents", 1000.0)
    assert isinstance(check, Explains)
    finding = check.explain(context, check.evaluate(context))
    assert [str(one) for one in finding.about] == ["lamp/a"]
    (row,) = finding.facts["objects"]
    assert (row["name"], row["is"], row["rule"]) == ("a", "degraded", "degraded: [Ready=False]")
    assert row["conditions"][0]["type"] == "Ready"
    assert "its conditions say why" in finding.remedy
    assert finding.commands[0].words == ("describe", "lamps.example.org", "a")


@pytest.mark.parametrize(
    ("item", "remedy"),
    [
        (lamp("a", None), "add a rule"),
        (lamp("a", "Unknown", since=EPOCH), "wait"),
        (lamp("a", "Unknown", since=EPOCH - 9999), "does not get on"),
        (lamp("a", generation=3, status={"observedGeneration": 2}), "has not taken up"),
        (lamp("a", deletionTimestamp=at(EPOCH)), "its finalizers"),
    ],
    ids=["unknown", "progressing", "stuck", "older", "deleted"],
)
def test_each_kind_of_trouble_has_its_remedy(item: Object, remedy: str) -> None:
    cluster = Cluster(READY, closer=CLOSER).has(SOURCE, item)
    cluster.says()
    check = cluster.components[0].checks[0]
    context = cluster.evaluator.context("agents", 1000.0)
    assert isinstance(check, Explains)
    assert remedy in check.explain(context, check.evaluate(context)).remedy


def test_a_change_is_cut_to_a_verdict() -> None:
    spec = Cluster(READY).evaluator.specs[0]
    (value,) = spec.change(lamp("a", status={"blob": "x" * 10_000}), SEEN).values
    (other,) = spec.change(lamp("b"), SEEN).values
    assert value is other
    assert Change(ObjectKey("agents", "a"), (value,)) == spec.change(lamp("a"), SEEN)
    assert parse_time(at(EPOCH)).timestamp() == EPOCH
    assert replace(SEEN_JUDGED, why="x") != SEEN_JUDGED


(SEEN_JUDGED,) = Cluster(READY).evaluator.specs[0].change(lamp("a", "False"), SEEN).values
