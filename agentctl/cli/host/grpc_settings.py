"""Settings of grpc's core, which it takes from the environment alone: before it is imported."""

from __future__ import annotations

import os


def set_up_grpc() -> None:
    """Have it write nothing by itself, and do nothing where a credential plugin is started.

    Its handlers of fork(2), which Python before 3.11 starts each child with, ended one child in
    a hundred with SIGABRT beside an open server.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
