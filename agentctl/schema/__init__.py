"""The JSON Schema of the events, as it ships in the package."""

from __future__ import annotations

import pkgutil


def text() -> str:
    """The schema, as JSON text (draft 2020-12)."""
    data = pkgutil.get_data(__name__, "events.schema.json")
    if data is None:
        raise FileNotFoundError("events.schema.json is missing from the package")
    return data.decode("utf-8")
