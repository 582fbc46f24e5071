"""The JSON Schema of the four events: the contract with every consumer of JSON output."""

from __future__ import annotations


def text() -> str:
    """The schema (draft 2020-12) as it is in the package, from a zip file as well."""
    import pkgutil

    data = pkgutil.get_data(__name__, "events.schema.json")
    if data is None:
        raise FileNotFoundError("events.schema.json: the package was loaded without its data")
    return data.decode("utf-8")
