"""Answers of the API in one piece, as several routes give them."""

from __future__ import annotations

from collections.abc import Sequence

from agentctl.apidouble.failures import ApiFailure
from agentctl.apidouble.kinds import Kind
from agentctl.apidouble.objects import Stored, encode
from agentctl.apidouble.wire import Headers, Request
from agentctl.lazy_dataclass import dataclass
from agentctl.model import JSONObject

NO_CACHE = ("Cache-Control", "no-cache, private")
JSON = "application/json"


@dataclass(frozen=True)
class ApiAnswer:
    """A whole answer."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Headers = ()


def ok(body: bytes) -> ApiAnswer:
    return ApiAnswer(200, body, headers=(NO_CACHE,))


def log_of(request: Request, pod: Stored) -> ApiAnswer:
    """The log of a container, or of its last run: what the pod's status makes likely."""
    status = pod.obj["status"]["containerStatuses"][0]
    ended = (status.get("lastState") or {}).get("terminated")
    line = "starting\n" if ended else "serving\n"
    if request.query.get("previous") == "true":
        if not ended:
            message = f'previous terminated container "app" in pod "{pod.key.name}" not found'
            raise ApiFailure(400, message)
        line = f"FATAL: cannot start; exit code {ended['exitCode']}\n"
    return ApiAnswer(200, line.encode(), "text/plain", (NO_CACHE,))


def failed(failure: ApiFailure) -> ApiAnswer:
    return ApiAnswer(failure.code, encode(failure.body()), headers=(NO_CACHE, *failure.headers))


def not_served() -> ApiAnswer:
    return ApiAnswer(404, b"404 page not found\n", "text/plain; charset=utf-8", (NO_CACHE,))


def health(endpoint: str, failing: Sequence[str]) -> ApiAnswer:
    """``/readyz`` and its kin: ``ok``, or each check and whether it failed."""
    text, headers = "text/plain; charset=utf-8", (NO_CACHE, ("X-Content-Type-Options", "nosniff"))
    if not failing:
        return ApiAnswer(200, b"ok", text, headers)
    lines = ["[+]ping ok", "[+]log ok"]
    lines += [f"[-]{name} failed: reason withheld" for name in failing]
    body = "".join(f"{line}\n" for line in (*lines, f"{endpoint} check failed"))
    return ApiAnswer(500, body.encode(), text, headers)


def success() -> JSONObject:
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


def deleted(kind: Kind, stored: Stored) -> ApiAnswer:
    details = {"name": stored.key.name, "kind": kind.plural, "uid": stored.metadata["uid"]}
    if kind.group:
        details["group"] = kind.group
    return ok(encode({**success(), "details": details}))
