"""The debug log imports the standard one only where somebody has set it up."""

from __future__ import annotations

import subprocess
import sys

import pytest

from agentctl.debug_log import DebugLog


def test_what_is_logged_goes_where_the_standard_logger_goes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = DebugLog("agentctl.some.module")
    with caplog.at_level("DEBUG", "agentctl"):
        assert log.on
        log.debug("%s failed after %ds", "it", 3, exc_info=ValueError("why"))
    (record,) = caplog.records
    assert record.getMessage() == "it failed after 3s"
    assert (record.name, record.levelname) == ("agentctl.some.module", "DEBUG")
    assert record.funcName == "test_what_is_logged_goes_where_the_standard_logger_goes"
    assert "ValueError: why" in caplog.text


def test_nothing_is_logged_above_the_level(caplog: pytest.LogCaptureFixture) -> None:
    log = DebugLog("agentctl.some.module")
    with caplog.at_level("INFO", "agentctl"):
        assert not log.on
        log.debug("nobody reads this")
    assert caplog.records == []


def test_logging_is_imported_by_nobody_who_logs() -> None:
    code = (
        "import sys\n"
        "from agentctl.debug_log import DebugLog\n"
        "log = DebugLog('agentctl.x')\n"
        "log.debug('before %s', 1)\n"
        "assert not log.on and 'logging' not in sys.modules\n"
        "import logging\n"
        "logging.basicConfig(level='DEBUG', format='%(message)s', stream=sys.stdout)\n"
        "log.debug('after %s', 2)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout == "after 2\n"
