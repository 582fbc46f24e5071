"""The pages on monitoring say what is: their examples are run, their tables compared."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from agentctl.renderers.nagios import LINE_BYTES, TIMEOUT_S
from tests import docpage
from tools import readme

DOCS = docpage.ROOT / "docs"


@pytest.mark.parametrize("page", ["nagios.md", "prometheus-textfile.md", "systemd.md"])
def test_every_example_gives_what_it_shows(page: str, tmp_path: Path) -> None:
    docpage.run(page, tmp_path)


def test_the_plugins_codes_and_bounds() -> None:
    page = (DOCS / "nagios.md").read_text(encoding="utf-8")
    told = [row.split("|")[1:3] for row in page.splitlines() if row[:3] in ("| 0", "| 1", "| 2")]
    made = [row.split("|")[1:3] for row in readme.plugin_codes().splitlines()[2:5]]
    assert told == made
    assert f"takes {TIMEOUT_S:.0f} s at most" in page
    assert f"{LINE_BYTES:,} bytes" in page


def test_the_unit_shown_is_the_one_that_is_shipped() -> None:
    page = (DOCS / "systemd.md").read_text(encoding="utf-8")
    shown = page.partition("```\n[Service]\n")[2].partition("```")[0].splitlines()
    unit = docpage.ROOT / "deploy" / "systemd" / "agentctl-serve.service"
    assert len(shown) == 6
    assert set(shown) <= set(unit.read_text(encoding="utf-8").splitlines())


def test_the_alerts_are_yaml_and_name_what_there_is() -> None:
    page = (DOCS / "prometheus-textfile.md").read_text(encoding="utf-8")
    rules = yaml.safe_load(page.partition("## Alerts\n\n```\n")[2].partition("```")[0])
    expressions = [rule["expr"] for rule in rules["groups"][0]["rules"]]
    assert len(expressions) == 3
    names = ("agentctl_up", "agentctl_component_status{status=")
    assert all(any(name in expression for name in names) for expression in expressions)
