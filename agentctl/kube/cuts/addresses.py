"""Addresses cut out of a workload's variables: host and port of literal values, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from agentctl.kube.resources import Seen
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.lenient_json import mapping, mappings, text
from agentctl.probe.address import HostPort, address_in

NO_PORT = 0
"""Stands for a port that a value does not have."""


class EnvAddresses(NamedTuple):
    """Where a workload's variables point to; None where that cannot be read off."""

    name: str
    addresses: tuple[tuple[str, Optional[HostPort]], ...]
    """By variable, of those that are set; a port of NO_PORT was not given."""

    def of(self, variable: str) -> Optional[HostPort]:
        """Raises KeyError for a variable that is not set."""
        return dict(self.addresses)[variable]


def cut_env_addresses(item: Mapping[str, Any], seen: Seen) -> Optional[EnvAddresses]:
    """Of a name set twice the last; None for a name whose containers disagree."""
    pod = mapping(mapping(mapping(item, "spec"), "template"), "spec")
    found: dict[str, Optional[HostPort]] = {}
    for container in mappings(pod, "containers"):
        mine = {text(entry, "name"): _address(entry) for entry in mappings(container, "env")}
        for name, address in mine.items():
            found[name] = address if found.get(name, address) == address else None
    return EnvAddresses(text(mapping(item, "metadata"), "name"), tuple(sorted(found.items())))


def _address(entry: Mapping[str, Any]) -> Optional[HostPort]:
    value = entry.get("value")
    # $(NAME) stands for another variable's value.
    if not isinstance(value, str) or "$(" in value or "valueFrom" in entry:
        return None
    found = address_in(value)
    if found is None and (host := address_in(value, 1)):
        found = host._replace(port=NO_PORT)
    return found
