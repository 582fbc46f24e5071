"""YAML of a kubeconfig as kubectl reads it: the first document, and Go's rules for scalars.

kubectl takes YAML 1.1 for JSON (``sigs.k8s.io/yaml``): dates and unknown tags are text, ``y``
is true, keys are text, and what stands last in a mapping counts, a merge (``<<``) as well.
"""

from __future__ import annotations

import base64
import functools
from typing import Any

from agentctl.errors import ConfigError
from agentctl.lazy_regex import regex

MAX_ALIASED = 1_000_000
"""Values that aliases may make of a file, where they make ten times what is written."""

_PLAIN = "plain"
"""Tag of a scalar without quotes and without a tag, whose type is for us to tell."""

_TAG = "tag:yaml.org,2002:"
_TYPED = tuple(_TAG + kind for kind in ("null", "bool", "int", "float"))
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF"), False),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_INTEGER = regex(r"([-+]?)(?:0[xX]([\da-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9]\d*))")
_BASES = (16, 2, 8, 10)
_FLOAT = regex(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?")


def first_document(content: bytes, path: str) -> Any:
    """The values of the first document; None for an empty one that is the only one.

    Raises ConfigError, which tells the line and none of the text: that may be a secret.
    """
    import yaml

    try:
        loader = _loader()(content)
        try:
            node = loader.get_node() if loader.check_node() else None
            value = None if node is None else _Values(path).of(node)
            if node is not None and value is None and loader.check_node():
                raise ConfigError(
                    f"{path}: its first YAML document is empty, and no other counts; remove the "
                    "'---' before what you want"
                )
        finally:
            loader.dispose()
        return value
    except RecursionError as error:
        raise ConfigError(f"{path}: the kubeconfig is nested too deep") from error
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        raise ConfigError(f"{path}{line}: the kubeconfig is not YAML") from error


@functools.cache
def _loader() -> Any:
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class KubeconfigLoader(base):  # type: ignore[misc]
        """Composes nodes, and leaves the type of plain scalars to us."""

        def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
            if kind is yaml.ScalarNode:
                return _PLAIN if implicit[0] else _TAG + "str"
            return super().resolve(kind, value, implicit)

    return KubeconfigLoader


class _Values:
    """Of one document's nodes; those that aliases share are made once."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._known: dict[int, tuple[Any, int]] = {}
        self._open: set[int] = set()

    def of(self, node: Any) -> Any:
        value, size = self._sized(node)
        if size > MAX_ALIASED and size > 10 * len(self._known):
            raise ConfigError(f"{self._path}: the kubeconfig's aliases stand for too much")
        return value

    def _sized(self, node: Any) -> tuple[Any, int]:
        """The value, and how many values it is made of."""
        key = id(node)
        if key in self._known:
            return self._known[key]
        if key in self._open:
            raise ConfigError(f"{self._path}: an anchor in the kubeconfig contains itself")
        self._open.add(key)
        if node.id == "scalar":
            made: tuple[Any, int] = _scalar(node), 1
        elif node.id == "sequence":
            made = self._sequence(node)
        else:
            made = self._mapping(node)
        self._open.remove(key)
        self._known[key] = made
        return made

    def _sequence(self, node: Any) -> tuple[list[Any], int]:
        parts = [self._sized(each) for each in node.value]
        return [value for value, _ in parts], 1 + sum(size for _, size in parts)

    def _mapping(self, node: Any) -> tuple[dict[str, Any], int]:
        values: dict[str, Any] = {}
        total = 1
        for key, each in node.value:
            value, size = self._sized(each)
            total += size
            if key.id == "scalar" and key.tag in (_PLAIN, _TAG + "merge") and key.value == "<<":
                # Of a list the first counts; it overrides what stands before it, as in Go.
                for merged in reversed(value if isinstance(value, list) else [value]):
                    if not isinstance(merged, dict):
                        raise self._error(key, "<< must merge a mapping")
                    values.update(merged)
            else:
                values[self._key(key)] = value
        return values, total

    def _key(self, node: Any) -> str:
        if node.id != "scalar":
            raise self._error(node, "a key must be text")
        value = _scalar(node)
        if isinstance(value, bool):
            return "true" if value else "false"
        return "null" if value is None else str(value)

    def _error(self, node: Any, what: str) -> ConfigError:
        return ConfigError(f"{self._path}:{node.start_mark.line + 1}: {what}")


def _scalar(node: Any) -> Any:
    if node.tag == _PLAIN or node.tag in _TYPED:
        return _plain(node.value)
    if node.tag == _TAG + "binary":
        return base64.b64decode(node.value).decode("utf-8", "replace")
    return node.value


def _plain(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "0123456789+-.":
        return text
    digits = text.replace("_", "")
    integer = _INTEGER.fullmatch(digits)
    if integer:
        sign, *kinds = integer.groups()
        kind = next(index for index, found in enumerate(kinds) if found is not None)
        return int(sign + kinds[kind], _BASES[kind])
    return float(digits) if _FLOAT.fullmatch(digits) else text
