"""API server without its sockets: from a request to an answer or a watch. No I/O."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Collection
from typing import Any, Callable, Optional, Union

from agentctl.apidouble import discovery, failures, protobuf
from agentctl.apidouble.answers import (
    JSON,
    NO_CACHE,
    ApiAnswer,
    deleted,
    failed,
    health,
    log_of,
    not_served,
    ok,
    success,
)
from agentctl.apidouble.discovery import ACCESS_REVIEWS, REVIEWS
from agentctl.apidouble.failures import ApiFailure
from agentctl.apidouble.forms import Form, form_of, single
from agentctl.apidouble.kinds import PODS, Kind
from agentctl.apidouble.objects import encode
from agentctl.apidouble.reading import Watch, listing
from agentctl.apidouble.routes import ResourceTarget, target_of
from agentctl.apidouble.store import Store
from agentctl.apidouble.weather import HEALTH, Weather, selected_name
from agentctl.apidouble.wire import Request
from agentctl.apidouble.writing import ObjectWriter, scale_of
from agentctl.model import JSONObject

log = logging.getLogger(__name__)

Denies = Callable[[str, str, str, str], bool]
"""(verb, group, plural, namespace) to whether RBAC says no."""
Rules = Union[Denies, Collection[tuple[str, str, str]], None]
"""Or what is denied, as (verb, group, plural) with ``*`` for any."""

VERSION = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.0-agentctl-demo",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "demo",
}


BEHIND_S = 3.0
"""How long a list waits for its resourceVersion to be known."""


class Api:
    """The API over one store. Safe to use from any thread."""

    def __init__(self, store: Store, tokens: Optional[Collection[str]] = None) -> None:
        """``tokens``: the bearer tokens that are good; None to ask for none."""
        self.store = store
        self.weather = Weather(store.clock)
        self.writer = ObjectWriter(store)
        self.tokens = tokens
        self.denied: Rules = None
        self.user = "viewer"
        """Who messages say was forbidden."""
        self.refuses: Callable[[str, str], bool] = lambda plural, verb: False
        """Whether something before RBAC forbids it: what a review has to know of."""

    def target(self, request: Request) -> ResourceTarget:
        return target_of(request, self.kinds())

    def kinds(self) -> tuple[Kind, ...]:
        """What is served just now."""
        return self.weather.served(self.store.kinds())

    def held_s(self, request: Request, target: ResourceTarget, since: float) -> float:
        """How long from now a request of ``since`` (monotonic) goes without an answer, as
        things are: a list for its version to come, any for the weather."""
        held = self.weather.held_s(request, target, since)
        wanted = request.query.get("resourceVersion", "")
        newest = self.weather.horizon or self.store.version
        if target.verb == "list" and wanted.isdigit() and int(wanted) > newest:
            held = max(held, since + BEHIND_S - self.store.clock.monotonic())
        return held

    def answer(self, request: Request, target: ResourceTarget) -> Union[ApiAnswer, Watch]:
        """What to say, or the watch to start. Failures of the API are answers too."""
        try:
            self._authenticate(request, target)
            self.weather.refuse(request, target, self.user)
            if target.kind is None:
                return self._document(request)
            self._authorize(request, target, target.kind)
            if target.kind in REVIEWS:
                return self._review(request, target.kind)
            return self._resource(request, target, target.kind)
        except ApiFailure as failure:
            return failed(failure)
        except Exception as error:
            # An API server survives what it does not understand, and says so.
            log.warning("%s %s failed", request.method, request.path, exc_info=True)
            return failed(ApiFailure(500, f"Internal error occurred: {error!r}"))

    def _authenticate(self, request: Request, target: ResourceTarget) -> None:
        anonymous = "authorization" not in request.headers
        if self.tokens is None or (anonymous and target.plural in HEALTH):
            return
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or token not in self.tokens:
            raise failures.unauthorized()

    def _authorize(self, request: Request, target: ResourceTarget, kind: Kind) -> None:
        if kind in REVIEWS:
            return
        if self._denies(target.verb, kind.group, kind.plural, target.namespace):
            where = target.namespace, target.name or selected_name(request)
            raise failures.forbidden(self.user, target.verb, kind, *where)

    def _denies(self, verb: str, group: str, plural: str, namespace: str) -> bool:
        rules = self.denied
        if rules is None:
            return False
        if callable(rules):
            return rules(verb, group, plural, namespace)
        # Who asks for all of something is denied it by a rule for any part of it.
        asked = (verb, group, plural)
        return any(all(r == a or "*" in (r, a) for r, a in zip(rule, asked)) for rule in rules)

    def _resource(
        self, request: Request, target: ResourceTarget, kind: Kind
    ) -> Union[ApiAnswer, Watch]:
        form = form_of(request.headers.get("accept", ""))
        namespace, horizon = target.namespace, self.weather.horizon
        if target.verb == "watch":
            return Watch(self.store, kind, namespace, request.query, form, horizon)
        if target.verb == "list":
            return ok(listing(self.store, kind, namespace, request.query, form, horizon))
        if target.verb == "get":
            return self._get(request, target, kind, form)
        if target.subresource and target.subresource not in kind.subresources:
            return not_served()
        return self._write(request, target, kind, form)

    def _get(self, request: Request, target: ResourceTarget, kind: Kind, form: Form) -> ApiAnswer:
        logs = kind is PODS and target.subresource == "log"
        if target.subresource and target.subresource not in kind.subresources and not logs:
            return not_served()
        stored = self.store.stored(kind, target.namespace, target.name)
        if target.subresource == "scale":
            return ok(encode(scale_of(kind, stored.obj)))
        if logs:
            return log_of(request, stored)
        return ok(single(kind, stored, form, self.store.now()))

    def _write(self, request: Request, target: ResourceTarget, kind: Kind, form: Form) -> ApiAnswer:
        namespace, name, subresource = target.namespace, target.name, target.subresource
        if request.query.get("dryRun"):
            raise ApiFailure(400, "the demo API does not support dryRun")
        if target.verb == "delete":
            return deleted(kind, self.writer.delete(kind, namespace, name))
        if target.verb == "deletecollection":
            self.writer.delete_all(kind, namespace, request.query)
            return ok(encode(success()))
        if target.verb == "create" and name:
            raise failures.method_not_allowed()
        if target.verb != "create" and not name:
            raise failures.method_not_allowed()
        body = _body(request)
        status = 200
        if target.verb == "create":
            stored, status = self.writer.create(kind, namespace, _mapping(body)), 201
        elif target.verb == "update":
            stored = self.writer.replace(kind, namespace, name, _mapping(body), subresource)
        else:
            content_type = request.headers.get("content-type", "").partition(";")[0].strip()
            stored, created = self.writer.patch(
                kind, namespace, name, body, content_type, subresource
            )
            status = 201 if created else 200
        if subresource == "scale":
            return ok(encode(scale_of(kind, stored.obj)))
        return ApiAnswer(status, single(kind, stored, form, self.store.now()), headers=(NO_CACHE,))

    def _review(self, request: Request, kind: Kind) -> ApiAnswer:
        if request.method != "POST":
            raise failures.method_not_allowed()
        review = _mapping(_body(request))
        answer: JSONObject = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": {}}
        if kind is ACCESS_REVIEWS:
            answer["spec"] = review.get("spec") or {}
            answer["status"] = {"allowed": self._allows(answer["spec"])}
        else:
            groups = ["system:authenticated"]
            answer["status"] = {"userInfo": {"username": self.user, "groups": groups}}
        return ApiAnswer(201, encode(answer), headers=(NO_CACHE,))

    def _allows(self, spec: JSONObject) -> bool:
        asked = spec.get("resourceAttributes") or {}
        verb, group, plural, namespace = (
            str(asked.get(key) or "") for key in ("verb", "group", "resource", "namespace")
        )
        if asked:
            return not (self._denies(verb, group, plural, namespace) or self.refuses(plural, verb))
        url = spec.get("nonResourceAttributes") or {}
        first = str(url.get("path") or "").strip("/").partition("/")[0]
        return not self.refuses(first, str(url.get("verb") or ""))

    def _document(self, request: Request) -> ApiAnswer:
        if request.method not in {"GET", "HEAD"}:
            return not_served()
        parts = [part for part in request.path.split("/") if part]
        first = parts[0] if parts else ""
        if first in HEALTH and len(parts) == 1:
            return health(first, self.weather.failing(first))
        if parts == ["version"]:
            return ok(encode(VERSION))
        document: JSONObject = {}
        kinds = self.weather.named(self.store.kinds())
        if first in {"api", "apis"}:
            if len(parts) == 1:
                return self._roots(request, core=first == "api")
            if first == "apis" and len(parts) == 2:
                document = discovery.group(kinds, parts[1])
            elif first == "apis" and len(parts) == 3:
                document = discovery.resource_list(kinds, parts[1], parts[2])
            elif first == "api" and len(parts) == 2:
                document = discovery.resource_list(kinds, "", parts[1])
        elif parts[:2] == ["openapi", "v3"]:
            if len(parts) == 2:
                document = discovery.openapi_index(kinds)
            else:
                document = discovery.openapi(kinds, "/".join(parts[2:]))
        if not document and self.weather.installs_paths:
            raise failures.paths_not_installed()
        return ok(encode(document)) if document else not_served()

    def _roots(self, request: Request, core: bool) -> ApiAnswer:
        kinds = self.store.kinds() if core else self.weather.named(self.store.kinds())
        version = discovery.aggregated_version(request.headers.get("accept", ""))
        content_type, document = JSON, discovery.core_versions()
        if version:
            content_type = f"{JSON};g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
            document = discovery.aggregated(kinds, core, version)
        elif not core:
            document = discovery.group_list(kinds)
        body = encode(document)
        etag = f'"{hashlib.sha256(body).hexdigest().upper()}"'
        headers = (("Cache-Control", "public"), ("ETag", etag), ("Vary", "Accept"))
        if etag == request.headers.get("if-none-match"):
            return ApiAnswer(304, b"", content_type, headers)
        return ApiAnswer(200, body, content_type, headers)


def _body(request: Request) -> Any:
    if request.headers.get("content-type", "").startswith(protobuf.MEDIA_TYPE):
        return protobuf.decode(request.body)
    try:
        return json.loads(request.body)
    except ValueError as error:
        raise ApiFailure(400, f"the object provided is unrecognized: {error}") from error


def _mapping(body: Any) -> JSONObject:
    if not isinstance(body, dict):
        raise ApiFailure(400, "the object provided is unrecognized: it is no object")
    return body
