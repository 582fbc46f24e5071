"""Single reading of all watches of a view, one after the other: for who looks once and goes on."""

from __future__ import annotations

import random
from collections.abc import Iterable

from agentctl.clock import Clock
from agentctl.errors import ForbiddenError, NotFoundError
from agentctl.kube.listwatch import ListWatch, WatchSettings
from agentctl.kube.reader import ApiReader
from agentctl.kube.resources import WatchSpec
from agentctl.kube.view import View


def read_once(view: View, specs: Iterable[WatchSpec], api: ApiReader, clock: Clock) -> None:
    """List all of them into the view; what may not be listed is blind there.

    Raises SourceError for all but a refused permission.
    """
    for spec in specs:
        if not spec.resource.is_api:
            continue
        listwatch = ListWatch(spec, api, clock, WatchSettings(), random.Random())
        try:
            changes = listwatch.list().changes if listwatch.locate() else spec.absence()
        except (ForbiddenError, NotFoundError) as error:
            view.mark_blind(spec.name, error.message)
        else:
            view.replace(spec.name, changes)
