"""Labels, and label selectors as Kubernetes writes them in URLs and in ``spec.selector``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Optional

from agentctl.lazy_dataclass import dataclass
from agentctl.lazy_regex import regex
from agentctl.lenient_json import mapping

Labels = tuple[tuple[str, str], ...]
"""Sorted pairs; equal ones are one object."""

PER_POD_LABELS = frozenset(
    (
        "pod-template-hash",
        "controller-revision-hash",
        "pod-template-generation",
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
    )
)
"""Labels that controllers add and no workload selects by: without them the pods of a
workload share one set of labels."""

_KEY = r"[A-Za-z0-9](?:[A-Za-z0-9_./-]*[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?)?"
_SET = regex(rf"({_KEY})\s+(in|notin)\s*\(([^()]*)\)")
_ONE = regex(_VALUE)
_EQUAL = regex(rf"({_KEY})\s*(==|=|!=)\s*({_VALUE})")
_EXISTS = regex(rf"(!?)\s*({_KEY})")


def labels_of(metadata: Mapping[str, Any]) -> Labels:
    """An object's labels, without those that tell one pod of a workload from another."""
    return _interned(
        tuple(
            sorted(
                (key, value)
                for key, value in mapping(metadata, "labels").items()
                if key not in PER_POD_LABELS and isinstance(value, str)
            )
        )
    )


@lru_cache(maxsize=4096)
def _interned(labels: Labels) -> Labels:
    return labels


@dataclass(frozen=True)
class Requirement:
    """One term: ``operator`` is In, NotIn, Exists or DoesNotExist."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, object]) -> bool:
        """Whether it holds; a label that is no text is one that is not there."""
        value = labels.get(self.key)
        there = isinstance(value, str)
        if self.operator == "In":
            return there and value in self.values
        if self.operator == "NotIn":
            return not there or value not in self.values
        return there == (self.operator == "Exists")

    def __str__(self) -> str:
        values = sorted(self.values)
        if self.operator == "In":
            if len(values) == 1:
                return f"{self.key}={values[0]}"
            return f"{self.key} in ({','.join(values)})"
        if self.operator == "NotIn":
            return f"{self.key} notin ({','.join(values)})"
        return self.key if self.operator == "Exists" else f"!{self.key}"


OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
NEVER = Requirement("", "In")
"""Matches nothing."""


@dataclass(frozen=True)
class LabelSelector:
    """Requirements that must all hold; none at all matches everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, object]) -> bool:
        # For every event of a watch, so without a generator.
        for requirement in self.requirements:  # noqa: SIM110
            if not requirement.matches(labels):
                return False
        return True

    def union(self, other: LabelSelector) -> Optional[LabelSelector]:
        """One selector for what either matches; None where none can say it."""
        if self == other:
            return self
        if len(self.requirements) == len(other.requirements) == 1:
            mine, theirs = self.requirements[0], other.requirements[0]
            if mine.key == theirs.key and mine.operator == theirs.operator == "In":
                return LabelSelector((Requirement(mine.key, "In", mine.values | theirs.values),))
        return None

    def __str__(self) -> str:
        return ",".join(str(requirement) for requirement in self.requirements)

    @classmethod
    def parse(cls, text: str) -> LabelSelector:
        """From the form of ``kubectl get -l``. Raises ValueError with what is wrong."""
        requirements = []
        rest = text.strip()
        while rest:
            match = _SET.match(rest)
            if match:
                values = frozenset(value.strip() for value in match[3].split(","))
                if not all(map(_ONE.fullmatch, values)):
                    raise ValueError(f"not a label selector at {rest!r}")
                operator = "In" if match[2] == "in" else "NotIn"
                requirements.append(Requirement(match[1], operator, values))
            elif match := _EQUAL.match(rest):
                operator = "NotIn" if match[2] == "!=" else "In"
                requirements.append(Requirement(match[1], operator, frozenset((match[3],))))
            elif match := _EXISTS.match(rest):
                operator = "DoesNotExist" if match[1] else "Exists"
                requirements.append(Requirement(match[2], operator))
            else:
                raise ValueError(f"not a label selector at {rest!r}")
            rest = rest[match.end() :].strip()
            if rest:
                if not rest.startswith(",") or not rest[1:].strip():
                    raise ValueError(f"expected a comma and a term at {rest!r}")
                rest = rest[1:].strip()
        return cls(tuple(requirements))

    @staticmethod
    def from_spec(spec: Mapping[str, Any]) -> LabelSelector:
        """From the ``matchLabels`` and ``matchExpressions`` of an object.

        A term that makes no sense matches nothing; never raises.
        """
        terms = spec.get("matchExpressions")
        labels = mapping(spec, "matchLabels").items()
        equal = _all_equal(
            tuple(sorted((key, value if isinstance(value, str) else None) for key, value in labels))
        )
        if not terms:
            return equal
        requirements = [*equal.requirements]
        for term in terms if isinstance(terms, list) else ():
            known = isinstance(term, dict) and term.get("operator") in OPERATORS
            if not known or not isinstance(term.get("key"), str):
                requirements.append(NEVER)
                continue
            values = term.get("values")
            texts = frozenset(
                one for one in (values if isinstance(values, list) else ()) if isinstance(one, str)
            )
            requirements.append(Requirement(term["key"], term["operator"], texts))
        return LabelSelector(tuple(requirements))


@lru_cache(maxsize=1024)
def _all_equal(labels: tuple[tuple[str, Optional[str]], ...]) -> LabelSelector:
    """Those labels with those values; None is no value that a label can have."""
    return LabelSelector(
        tuple(
            NEVER if value is None else Requirement(key, "In", frozenset((value,)))
            for key, value in labels
        )
    )
