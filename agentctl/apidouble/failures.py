"""Failures of a Kubernetes API: HTTP status, headers and the ``Status`` body."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

from agentctl.apidouble.kinds import Kind
from agentctl.model import JSONObject

REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    410: "Expired",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class ApiFailure(Exception):
    """A request that is answered with a ``Status``, as the API server would."""

    def __init__(
        self,
        code: int,
        message: str,
        reason: Optional[str] = None,
        details: Optional[JSONObject] = None,
        headers: Sequence[tuple[str, str]] = (),
        continue_token: str = "",
    ) -> None:
        """``reason`` defaults to the usual one of ``code``; empty leaves it out."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = REASONS.get(code, "") if reason is None else reason
        self.details = details
        self.headers = tuple(headers)
        self.continue_token = continue_token

    def body(self) -> JSONObject:
        metadata: JSONObject = {"continue": self.continue_token} if self.continue_token else {}
        out: JSONObject = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": metadata,
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            out["reason"] = self.reason
        if self.details:
            out["details"] = self.details
        out["code"] = self.code
        return out


def _details(kind: Kind, name: str = "") -> JSONObject:
    out: JSONObject = {"name": name} if name else {}
    if kind.group:
        out["group"] = kind.group
    return {**out, "kind": kind.plural}


def not_found(kind: Kind, name: str) -> ApiFailure:
    return ApiFailure(404, f'{kind.qualified} "{name}" not found', details=_details(kind, name))


def already_exists(kind: Kind, name: str) -> ApiFailure:
    message = f'{kind.qualified} "{name}" already exists'
    return ApiFailure(409, message, "AlreadyExists", _details(kind, name))


def conflict(kind: Kind, name: str) -> ApiFailure:
    message = (
        f'Operation cannot be fulfilled on {kind.qualified} "{name}": the object has been '
        "modified; please apply your changes to the latest version and try again"
    )
    return ApiFailure(409, message, details=_details(kind, name))


def unauthorized() -> ApiFailure:
    return ApiFailure(401, "Unauthorized")


def forbidden(user: str, verb: str, kind: Kind, namespace: str, name: str = "") -> ApiFailure:
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    subject = f'{kind.qualified} "{name}"' if name else kind.qualified
    message = (
        f'{subject} is forbidden: User "{user}" cannot {verb} resource "{kind.plural}" '
        f'in API group "{kind.group}" {where}'
    )
    return ApiFailure(403, message, details=_details(kind, name))


def forbidden_path(user: str, path: str) -> ApiFailure:
    """For what is no resource, as discovery."""
    return ApiFailure(403, f'forbidden: User "{user}" cannot get path "{path}"', details={})


def method_not_allowed() -> ApiFailure:
    return ApiFailure(405, "the server does not allow this method on the requested resource")


def expired_watch(asked: int, oldest: int) -> ApiFailure:
    return ApiFailure(410, f"too old resource version: {asked} ({oldest})")


def expired_list(continue_token: str = "") -> ApiFailure:
    """``continue_token``: how to go on, inconsistently, with what exists now."""
    if not continue_token:
        return ApiFailure(410, "The resourceVersion for the provided list is too old.")
    message = (
        "The provided continue parameter is too old to display a consistent list result. "
        "You can start a new list without the continue parameter, or use the continue token "
        "in this response to retrieve the remainder of the results. Continuing with the "
        "provided token results in an inconsistent list - objects that were created, modified, "
        "or deleted between the time the first chunk was returned and now may show up in the "
        "list."
    )
    return ApiFailure(410, message, continue_token=continue_token)


def too_large(asked: int, current: int) -> ApiFailure:
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return ApiFailure(
        504,
        f"Timeout: Too large resource version: {asked}, current: {current}",
        details={"causes": [cause], "retryAfterSeconds": 1},
        headers=(("Retry-After", "1"),),
    )


def invalid_watch_version(text: str) -> ApiFailure:
    message = (
        f'resourceVersion: Invalid value: "{text}": '
        f'strconv.ParseUint: parsing "{text}": invalid syntax'
    )
    return ApiFailure(500, message, reason="")


def invalid_options(field: str, message: str) -> ApiFailure:
    cause: dict[str, Any] = {"reason": "FieldValueForbidden", "message": message, "field": field}
    details = {"group": "meta.k8s.io", "kind": "ListOptions", "causes": [cause]}
    return ApiFailure(
        422, f'ListOptions.meta.k8s.io "" is invalid: {field}: {message}', None, details
    )


def paths_not_installed() -> ApiFailure:
    """While a server starts, for a path that it may know in a moment."""
    message = (
        "the request has been made before all known HTTP paths have been installed, "
        "please try again"
    )
    return ApiFailure(
        503, message, details={"retryAfterSeconds": 5}, headers=(("Retry-After", "5"),)
    )


def storage_initializing() -> ApiFailure:
    """While a watch cache is being filled."""
    return ApiFailure(
        429,
        "storage is (re)initializing",
        details={"retryAfterSeconds": 1},
        headers=(("Retry-After", "1"),),
    )


def storage_timeout() -> ApiFailure:
    """What becomes of a request for which storage had no answer in time."""
    message = "Timeout: request did not complete within the allotted timeout"
    return ApiFailure(504, message, details={})
