"""JSON Schemas of the events: those that we write, and those that we read."""

from __future__ import annotations

WRITTEN = "events.schema.json"
"""The four events as they are written."""

ACCEPTED = "accepts.schema.json"
"""What is read of any server and of a recording: a superset."""


def text(name: str = WRITTEN) -> str:
    """A schema (draft 2020-12) as it is in the package, from a zip file as well."""
    import pkgutil

    data = pkgutil.get_data(__name__, name)
    if data is None:
        raise FileNotFoundError(f"{name}: the package was loaded without its data")
    return data.decode("utf-8")
