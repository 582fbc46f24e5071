"""Trial of a catalog's rules on saved objects: what they say, and which rule decided. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agentctl.catalog.content import Catalog
from agentctl.catalog.rules import rules_of_kind, shipped
from agentctl.kube.checks.resource import ResourceCheck
from agentctl.kube.cuts.resources import ResourceCut
from agentctl.kube.tally import SHOWN_AS
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.lenient_json import mapping, mappings, text
from agentctl.model import JSONObject
from agentctl.rules.atom import path_text
from agentctl.rules.judge import Judgement, RuleList
from agentctl.rules.paths import paths_of


class Trial(NamedTuple):
    """What one list of rules says of one object; ``component`` is empty for what ships."""

    kind: str
    namespace: str
    name: str
    component: str
    rules: RuleList
    judged: Judgement

    @property
    def shown(self) -> str:
        """The status of a component with this one object."""
        return SHOWN_AS[self.judged.status].value

    def to_json(self) -> JSONObject:
        row: JSONObject = {
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
            "component": self.component,
            "status": self.judged.status,
            "shown": self.shown,
            "rule": self.judged.rule,
            "line": self.line,
            "rules": self.rules.name,
            "why": self.judged.why,
            "reads": [path_text(path) for path in paths_of(self.rules)],
        }
        return {key: value for key, value in row.items() if value}

    @property
    def line(self) -> int:
        """Where the rule is written; 0 for what is built in."""
        place = self.judged.place
        return 0 if place is None else self.rules.rules[place].line


def objects_of(documents: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    """The objects of saved documents, those of lists one by one."""
    for document in documents:
        if isinstance(document, dict):
            is_list = text(document, "kind").endswith("List") and "items" in document
            yield from mappings(document, "items") if is_list else (document,)


def trials(catalog: Catalog, item: Mapping[str, Any]) -> list[Trial]:
    """What each check says that is about an object; what ships, where none is."""
    group, kind = text(item, "apiVersion").rpartition("/")[0], text(item, "kind")
    metadata = mapping(item, "metadata")
    name = f"{kind}.{group}" if group else kind

    def tried(component: str, rules: RuleList, generation: bool) -> Trial:
        where = text(metadata, "namespace")
        judged = rules.judge(item, generation)
        return Trial(name, where, text(metadata, "name"), component, rules, judged)

    found = [
        tried(component.name, cut.rules, cut.generation)
        for component in catalog.components
        for cut in _cuts(component.checks, group, kind)
        if cut.is_about(item)
    ]
    return found or [tried("", rules_of_kind(group, kind), True)]


def _cuts(checks: Iterable[object], group: str, kind: str) -> Iterator[ResourceCut]:
    """The cuts of those checks that are about a kind."""
    plurals = plurals_of(group, kind)
    for check in checks:
        if isinstance(check, ResourceCheck):
            resource = check.resource
            if resource.group == group and resource.plural in plurals:
                yield check.cut


def plurals_of(group: str, kind: str) -> set[str]:
    """What a kind's resource may be called: as it ships, or as it is formed."""
    known = (one.of for one in shipped() if (one.group, one.kind) == (group, kind))
    lower = kind.lower()
    formed = {f"{lower}s", f"{lower}es", lower}
    if lower.endswith("y"):
        formed.add(f"{lower[:-1]}ies")
    return {of.partition(".")[0] for of in known} or formed
