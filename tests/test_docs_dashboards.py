"""docs/dashboards.md says what is: its commands are run here.

Its queries are asked of a real Prometheus in ``tests/deploy/test_deploy_alerts.py``, its pages
are opened in ``tests/browser/test_other_origin.py``.
"""

from __future__ import annotations

from pathlib import Path

from tests.browser.test_other_origin import PAGES
from tests.deploy.test_deploy_alerts import QUERIES
from tests.test_docs_server import EXAMPLE, FENCE, ROOT, Example, run_all

PAGE = (ROOT / "docs" / "dashboards.md").read_text(encoding="utf-8")
EXAMPLES = [Example(m[1], m[2], m[3].splitlines()) for m in EXAMPLE.finditer(PAGE)]


def test_every_command_gives_what_it_shows(tmp_path: Path) -> None:
    run_all(EXAMPLES, tmp_path)


def test_no_example_goes_unrun() -> None:
    fences = sorted(language for language in FENCE.findall(PAGE) if language)
    run = ["text", "sh"] * len(EXAMPLES) + ["promql"] * len(QUERIES) + ["html"] * len(PAGES)
    assert fences == sorted(run)
    assert (len(EXAMPLES), len(PAGES)) == (2, 2)
