"""Errors that can end a run or an attempt, each with its exit code.

::

    AgentctlError                     exit code   may pass
    ├── UsageError                    2           no
    │   ├── ConfigError               2           no    (config file, kubeconfig)
    │   ├── CatalogError              2           no    (file, line, what was expected)
    │   ├── LimitError                2           no    (the host gives too few threads)
    │   └── MissingPackageError       2           no    (what was asked for needs a package)
    └── SourceError                               (ends one attempt of one source)
        ├── RefusedError              3
        │   ├── UnauthorizedError     3           after new credentials
        │   ├── ForbiddenError        3           when somebody grants the permission
        │   └── NotFoundError         3           when somebody installs it
        ├── StreamingUnsupported      4           no: poll instead
        └── DisconnectedError         5           yes
            └── ServerError           5           yes   (it answered, but not usefully)
                └── StartingError     5           yes   (an API server that is not ready)

Errors of other libraries are mapped to these where they are raised, so that no
caller needs to import the library to handle its failures.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Optional

from agentctl.lazy_namedtuple import NamedTuple
from agentctl.model import ErrorCode


class ExitCode(IntEnum):
    """What the process says to its caller (the README has the table)."""

    OK = 0
    VERDICT_BAD = 1
    USAGE = 2
    REFUSED = 3
    STREAMING_UNSUPPORTED = 4
    DISCONNECTED = 5
    INTERNAL = 70
    INTERRUPTED = 130
    PIPE_CLOSED = 141
    TERMINATED = 143


class AgentctlError(Exception):
    """Base of all: one line that says what failed, where, and what to do next."""

    exit_code = ExitCode.USAGE

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UsageError(AgentctlError):
    """What was asked for makes no sense as asked."""


class ConfigError(UsageError):
    """A configuration file or a kubeconfig cannot be used."""


class CatalogError(UsageError):
    """A catalog cannot be used; the message starts with ``file:line:``."""


class LimitError(UsageError):
    """The host's limits are too low for what was asked for."""


class MissingPackageError(UsageError):
    """A package is not installed; the message has the command that installs it."""


class SourceError(AgentctlError):
    """One attempt of a source is over.

    ``retry_after`` is the server's own wish in seconds before the next attempt,
    None when it named none; ``put_off`` says that it named it for this very request, as
    when to come again, and not only as the least of waits.
    """

    exit_code = ExitCode.DISCONNECTED
    code = ErrorCode.DISCONNECTED

    def __init__(
        self, message: str, retry_after: Optional[float] = None, put_off: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.put_off = put_off

    @property
    def told(self) -> str:
        """The message with all that is known of it, for who can do something about it."""
        return self.message


class RefusedError(SourceError):
    """The API answered, and the answer was no."""

    exit_code = ExitCode.REFUSED
    code = ErrorCode.FORBIDDEN


class UnauthorizedError(RefusedError):
    """The credentials were refused (HTTP 401)."""

    code = ErrorCode.UNAUTHORIZED


class Denied(NamedTuple):
    """A permission that somebody lacks. ``resource`` has its group; an empty ``namespace`` is
    cluster-wide."""

    user: str
    verb: str
    resource: str
    namespace: str = ""

    @property
    def where(self) -> str:
        return f" in namespace {self.namespace}" if self.namespace else ""


class ForbiddenError(RefusedError):
    """Known, but not permitted (HTTP 403). ``denied`` is None where the API does not tell."""

    def __init__(self, message: str, denied: Optional[Denied] = None) -> None:
        super().__init__(message)
        self.denied = denied

    @property
    def told(self) -> str:
        if self.denied is None:
            return self.message
        who = f'to user "{self.denied.user}"{self.denied.where}'
        return f"{self.message} {who}; see agentctl auth can-watch"


class NotFoundError(RefusedError):
    """The API does not serve what was asked for (HTTP 404)."""

    code = ErrorCode.SERVER


class StreamingUnsupported(SourceError):
    """It can be read, but not as a stream."""

    exit_code = ExitCode.STREAMING_UNSUPPORTED
    code = ErrorCode.SERVER


class DisconnectedError(SourceError):
    """Could not connect, or the connection was lost."""


class ServerError(DisconnectedError):
    """The peer answered with a failure or with something that cannot be read."""

    code = ErrorCode.SERVER


STARTING = "the API server is starting"


class StartingError(ServerError):
    """An API server answered that is not ready: what it refuses or lacks does not count yet.

    ``refusal`` is what it said, where that would be one of a server that is ready.
    """

    def __init__(
        self, message: str, retry_after: float, refusal: Optional[RefusedError] = None
    ) -> None:
        super().__init__(f"{STARTING}: {message}", retry_after)
        self.refusal = refusal
