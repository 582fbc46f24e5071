"""``each`` of a catalog: which objects have a component of their own, read kind by kind."""

from __future__ import annotations

from agentctl.catalog.document import Node
from agentctl.catalog.fields import NodeFields
from agentctl.catalog.include import PREFIX
from agentctl.catalog.kinds import NamedKind, kind_named, nearest
from agentctl.kube.checks._workloads import KINDS
from agentctl.kube.cuts.found import FoundCut
from agentctl.kube.each import MOST, Each
from agentctl.kube.resources import SERVICES, is_full_name, resource_of

FIELDS = (
    *("kinds", "labels", "names", "exclude", "where", "unless"),
    *("selects", "most", "namespace", "as"),
)
MAX_KINDS = 50
MAX_MOST = 5000

DEFAULT_CHECKS = {**dict.fromkeys(KINDS, "workload"), "CronJob": "cronjob", "Service": "endpoints"}
"""What judges an object where the catalog has no ``checks``; of all other kinds ``resource``."""


def parse_each(fields: NodeFields) -> list[Each]:
    """One for each kind, in the order given. Raises CatalogError."""
    kinds = [_kind(fields, text) for text in fields.texts("kinds")]
    if len(kinds) > MAX_KINDS:
        raise fields.fail("kinds", f"at most {MAX_KINDS} kinds as 'kinds'")
    cut = FoundCut(
        fields.globs("names", "objects") if fields.has("names") else (),
        fields.globs("exclude", "objects") if fields.has("exclude") else (),
        fields.selector("labels"),
        fields.atoms("where"),
        fields.atoms("unless"),
    )
    selects = fields.choices("selects", tuple(KINDS), ())
    most = fields.number("most", 1, MAX_MOST) if fields.has("most") else MOST
    namespace, prefix = fields.name("namespace", ""), fields.text("as", "")
    if prefix and not PREFIX.match(prefix):
        raise fields.fail("as", "letters, digits and ':._/-' as 'as'")
    found: list[Each] = []
    for named in kinds:
        resource = resource_of(named.of)
        if selects and resource != SERVICES:
            raise fields.fail("selects", "'selects' with the kind Service alone")
        if any(one.resource == resource for one in found):
            raise fields.fail("kinds", f"each of 'kinds' once ({named.of} is there twice)")
        # A cut's identity names its table: each kind has its own.
        own = FoundCut(cut.names, cut.exclude, cut.labels, cut.where, cut.unless)
        found.append(Each(resource, named.kind, own, namespace, selects, most, prefix=prefix))
    return found


def default_checks(each: Each, line: int) -> list[Node]:
    """What judges an object where the catalog does not say."""
    kind = DEFAULT_CHECKS.get(each.kind, "resource")
    return [Node({"kind": Node(kind, line)}, line, key_lines={"kind": line})]


def _kind(fields: NodeFields, text: str) -> NamedKind:
    found = kind_named(text)
    if found is None or not is_full_name(found.of):
        expected = "a kind such as Deployment, or else plural.group, as 'kinds'"
        raise fields.error(fields.line_of("kinds"), expected, nearest(text))
    return found
