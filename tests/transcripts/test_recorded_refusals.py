"""What the client makes of a real kube-apiserver's refusals."""

from __future__ import annotations

import random

import pytest

from agentctl.clock import SystemClock
from agentctl.engine.messages import Ended, Replaced
from agentctl.errors import (
    ExitCode,
    ForbiddenError,
    NotFoundError,
    ServerError,
    StreamingUnsupported,
    UnauthorizedError,
)
from agentctl.kube.access import AccessProvider, ClusterAccess
from agentctl.kube.client import ApiClient
from agentctl.kube.cuts.objects import cut_namespace
from agentctl.kube.listwatch import ListWatch
from agentctl.kube.reader import json_object, reader, refusal
from agentctl.kube.resources import Need, Resource, plan
from agentctl.kube.source import KubeSource
from agentctl.net.endpoint import Timeouts
from tests.transcripts.replay import (
    SETTINGS,
    context_for,
    listwatch,
    reading,
    replaying,
    running,
    spec_for,
)

DEPLOYMENTS = spec_for("{kind: workload, names: [agents]}", "deployments")
JSON = "application/json"


def test_a_list_that_rbac_denies_is_forbidden_in_a_few_words() -> None:
    with listwatch(DEPLOYMENTS, "list-forbidden") as api, pytest.raises(ForbiddenError) as raised:
        api.list()
    assert raised.value.message == "cannot list deployments: forbidden"
    assert raised.value.exit_code is ExitCode.REFUSED


def test_a_watch_that_rbac_denies_is_forbidden_before_anything_is_read() -> None:
    with (
        listwatch(DEPLOYMENTS, "watch-forbidden") as api,
        pytest.raises(ForbiddenError, match=r"^cannot watch deployments: forbidden$"),
    ):
        next(api.watch("1297"))


def test_a_list_without_a_watch_cannot_stream() -> None:
    names = ("list-allowed-watch-forbidden-list", "list-allowed-watch-forbidden-watch")
    with (
        replaying(*names) as replay,
        running(KubeSource(DEPLOYMENTS, context_for(replay))) as run,
    ):
        listing, end = run.until(Ended)
    assert isinstance(listing, Replaced)
    assert listing.resource_version == "1382"
    assert isinstance(end, Ended)
    assert isinstance(end.failure, StreamingUnsupported)
    assert end.failure.exit_code is ExitCode.STREAMING_UNSUPPORTED
    assert "grant the verb watch, or poll with --fallback-poll" in end.failure.message


def test_a_watch_denied_after_one_that_worked_is_forbidden() -> None:
    names = ("list-deployments", "watch-deployments", "list-allowed-watch-forbidden-watch")
    with (
        replaying(*names) as replay,
        running(KubeSource(DEPLOYMENTS, context_for(replay))) as run,
    ):
        failure = run.failure()
    assert isinstance(failure, ForbiddenError)


def test_an_invalid_version_is_the_servers_failure_and_names_no_time() -> None:
    with (
        listwatch(DEPLOYMENTS, "watch-invalid-rv") as api,
        pytest.raises(ServerError, match=r'cannot watch deployments: HTTP 500.*"abc"') as raised,
    ):
        next(api.watch("abc"))
    assert raised.value.retry_after is None


def test_a_group_that_is_not_served_is_not_found_though_it_says_so_in_plain_text() -> None:
    things = Resource("nope.example.com", "v1", "things", namespaced=False)
    (spec,) = plan([Need(things, "", cut_namespace)], "agents")
    with listwatch(spec, "list-unknown-group") as api, pytest.raises(NotFoundError) as raised:
        api.list()
    assert raised.value.message == "cannot list things: not found: 404 page not found"


def test_a_namespace_that_is_missing_is_not_found() -> None:
    with (
        replaying("get-namespace-missing") as replay,
        reading(replay) as api,
        api.get("/api/v1/namespaces/nope", {}, JSON, Timeouts()) as response,
    ):
        failure, status = refusal(response, "get", "namespaces")
    assert isinstance(failure, NotFoundError)
    assert failure.message == 'cannot get namespaces: not found: namespaces "nope" not found'
    assert status["reason"] == "NotFound"


def test_a_namespace_that_is_there_is_active() -> None:
    with (
        replaying("get-namespace") as replay,
        reading(replay) as api,
        api.get("/api/v1/namespaces/agents", {}, JSON, Timeouts()) as response,
    ):
        namespace = json_object(response.read_all(1 << 20))
    assert spec_for("{kind: namespace}", "namespaces").change(namespace, None).values == (  # type: ignore[arg-type]
        "Active",
    )


def test_refused_credentials_are_read_again_once_and_then_count() -> None:
    tokens = iter(["old", "new", "never"])
    with replaying("unauthorized", "unauthorized") as replay:
        clock = SystemClock()
        provider = AccessProvider(
            lambda: ClusterAccess(server=replay.url, token=next(tokens)), clock
        )
        with reader(ApiClient(provider, clock)) as api, pytest.raises(UnauthorizedError) as raised:
            ListWatch(DEPLOYMENTS, api, clock, SETTINGS, random.Random(7)).list()
    assert raised.value.message.startswith("cannot list deployments: unauthorized")
    sent = [asked.headers["authorization"] for asked in replay.asked]
    assert sent == ["Bearer old", "Bearer new"]
