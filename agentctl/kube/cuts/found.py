"""Cut of objects that ``each`` finds: that there is such an object, and nothing of it.

What the selectors do not mean leaves nothing at all, however many there are of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Optional

from agentctl.kube.resources import Seen
from agentctl.kube.selectors import LabelSelector
from agentctl.lazy_dataclass import dataclass
from agentctl.lenient_json import mapping, text
from agentctl.rules.atom import Atom
from agentctl.rules.scope import CONDITIONS, Scope


@dataclass(frozen=True, eq=False)
class FoundCut:
    """Which objects count: all that every selector means. Compared by identity, as a table's name.

    ``names`` and ``exclude`` are globs; ``where`` are atoms of rules that must all hold,
    ``unless`` those that must not all hold.
    """

    names: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    labels: Optional[LabelSelector] = None
    where: tuple[Atom, ...] = ()
    unless: tuple[Atom, ...] = ()

    def __call__(self, item: Mapping[str, Any], seen: Seen) -> Optional[bool]:
        return True if self.is_about(item) else None

    def is_about(self, item: Mapping[str, Any]) -> bool:
        """Never raises."""
        metadata = mapping(item, "metadata")
        name = text(metadata, "name")
        if self.names and not any(fnmatchcase(name, glob) for glob in self.names):
            return False
        if any(fnmatchcase(name, glob) for glob in self.exclude):
            return False
        if self.labels is not None and not self.labels.matches(mapping(metadata, "labels")):
            return False
        if not self.where and not self.unless:
            return True
        scope = Scope(item, CONDITIONS, None)
        if not all(atom.holds(scope) for atom in self.where):
            return False
        return not self.unless or not all(atom.holds(scope) for atom in self.unless)
