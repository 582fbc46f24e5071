"""``python -m agentctl``."""

from __future__ import annotations

from agentctl.cli.entry import entry

if __name__ == "__main__":
    entry()
