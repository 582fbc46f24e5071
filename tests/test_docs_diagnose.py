"""docs/diagnose.md says what is: its examples are run."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentctl.diagnosis.events_lookup import BUDGET_S, OBJECTS
from tests import docpage
from tests.kubectl import KUBECTL, NO_KUBECTL


@pytest.mark.skipif(KUBECTL is None, reason=NO_KUBECTL)
def test_every_example_gives_what_it_shows(tmp_path: Path) -> None:
    docpage.run("diagnose.md", tmp_path)


def test_the_bounds_are_those_of_the_code() -> None:
    assert (OBJECTS, BUDGET_S) == (16, 3.0), "docs/diagnose.md says sixteen and three"
