"""What a campaign holds its stream against: the contract of events, and the objects themselves."""

from __future__ import annotations

from typing import Any

from agentctl.apidouble.store import Store
from agentctl.catalog.content import Catalog
from agentctl.kube.evaluate import Evaluator
from agentctl.kube.resources import SERVED, Seen
from agentctl.model import Delta, Event, Item, ItemKey, Snapshot, fold
from agentctl.redact import redact


class Follower:
    """A sink that folds events as a reader would, and checks each against the contract."""

    def __init__(self) -> None:
        self.state: dict[ItemKey, Item] = {}
        self.kinds: list[str] = []
        self.wrong: list[str] = []

    def emit(self, event: Event) -> None:
        if isinstance(event, Snapshot) and "snapshot" in self.kinds:
            self.wrong.append("a second snapshot")
        if isinstance(event, Delta):
            if not event.changes and not event.removed:
                self.wrong.append("an empty delta")
            self.wrong += [
                f"told twice: {item}" for item in event.changes if self.state.get(item.key) == item
            ]
        if not self.kinds and not isinstance(event, Snapshot):
            self.wrong.append(f"{event.type} came before the snapshot")
        self.kinds.append(event.type)
        self.state = fold(self.state, event)


def truth(
    store: Store,
    catalog: Catalog,
    seen: Seen = Seen(0.0, 0.0),  # noqa: B008
) -> dict[ItemKey, Item]:
    """What the checks make of the store's objects, without any stream in between."""
    evaluator = Evaluator(catalog.components, ["agents"], "agents", redact=redact)
    for spec in evaluator.specs:
        if spec.resource == SERVED:
            wanted = [n for need in spec.needs for n in need.names or ()]
            served = {kind.qualified for kind in store.kinds()}
            objects: list[Any] = [{"metadata": {"name": n}} for n in wanted if n in served]
        else:
            stored, _ = store.objects(spec.resource.plural)
            objects = [
                one.obj
                for one in stored
                if not spec.namespace or one.obj["metadata"].get("namespace") == spec.namespace
            ]
        changes = [spec.change(obj, seen) for obj in objects]
        evaluator.view.replace(spec.name, changes)
        evaluator.view.mark_seeing(spec.name)
    return {item.key: item for item in evaluator.evaluate(None, seen.monotonic)}
