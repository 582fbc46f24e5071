"""JSON Schemas of the events: those that we write, and those that we read."""

from __future__ import annotations

from agentctl import package

WRITTEN = "events.schema.json"
"""The four events as they are written."""

ACCEPTED = "accepts.schema.json"
"""What is read of any server and of a recording: a superset."""


def text(name: str = WRITTEN) -> str:
    """A schema (draft 2020-12) as it is in the package, from a zip file as well."""
    return package.data(__name__, name).decode("utf-8")
