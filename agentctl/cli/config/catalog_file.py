"""Catalog that a command line names: a name, a file, or what comes through a pipe."""

from __future__ import annotations

from typing import Optional, Union

from agentctl.catalog.document import MAX_BYTES
from agentctl.catalog.files import SHIPPED, CatalogText
from agentctl.cli.config.piped import Patience, is_piped, read_piped, told
from agentctl.errors import CatalogError


def given_catalog(given: str, patience: Optional[Patience] = None) -> Union[str, CatalogText]:
    """The name or path as it is; of a pipe, and of ``-``, what comes, read now.

    Raises CatalogError, and DisconnectedError where it does not end in time.
    """
    if given in SHIPPED or not is_piped(given):
        return given
    try:
        return CatalogText(told(given), read_piped(given, MAX_BYTES, patience))
    except OSError as error:
        raise CatalogError(f"{told(given)}: cannot read the catalog: {error.strerror}") from None
