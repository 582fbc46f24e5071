"""One cluster, byte for byte: what was printed and sent before there were several.

``data/one-cluster.txt`` was written before an item had a cluster. It is not to be written anew:
who reads us knows these bytes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentctl import cursor as cursors
from agentctl import renderers
from agentctl.engine.policy import Notice, Outcome
from agentctl.engine.stream import EventStream
from agentctl.model import ErrorCode, Event, Item, Status
from agentctl.renderers import Style
from agentctl.wire import events_pb, legacy_pb
from agentctl.wire.sse_encode import ndjson_chunk, sse_chunk
from tests.fakes import FakeClock, Recorder

WRITTEN = Path(__file__).parent / "data" / "one-cluster.txt"

SCOPE = cursors.scope_of(["agents", "team-b"], "c0ffee", ["runtime:*"])
VERSIONS = {"deployments": "4711", "pods/team-b": "90210", "leases": "0815", "storage": ""}


def items(count: int) -> list[Item]:
    """Components of two namespaces in every status."""
    statuses = list(Status)
    return [
        Item(
            f"part-{number:03}",
            "agents" if number % 2 else "team-b",
            statuses[number % 5],
            "" if number % 5 < 2 else f"1/2 ready; part-{number}-x2x: CrashLoopBackOff ünï",
            {} if number % 3 else {"workload": f"deployment/part-{number}", "ready": number},
        )
        for number in range(count)
    ]


def events() -> list[Event]:
    """A stream with an event of each kind."""
    clock, told = FakeClock(), Recorder()
    stream = EventStream(told, clock, SCOPE)
    state = items(9)
    stream.begin(state, VERSIONS)
    clock.advance(2)
    later = [*state[1:4], Item("part-004", "team-b", Status.DEGRADED, "restarting"), *state[5:]]
    stream.publish(later, {**VERSIONS, "deployments": "4712"})
    clock.advance(30)
    stream.beat([])
    lost = Notice("deployments", ErrorCode.DISCONNECTED, "the connection was lost", 2.14)
    stream.tell(lost._replace(sources=("deployments", "pods/team-b")))
    stream.beat([lost, lost._replace(source="leases")])
    back = Notice("deployments", ErrorCode.RECOVERED, "2 sources: back after 31s", lasted=31.04)
    stream.tell(back._replace(sources=("deployments", "pods/team-b")))
    return told.events


class Written:
    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text


def printed(name: str, *told: Event) -> str:
    out = Written()
    style = Style(namespace="agents", clock=FakeClock())
    renderer = renderers.create(name, out, style)
    for event in told:
        renderer.emit(event)
    renderers.conclude(renderer, Outcome(0))
    own = [line for line in out.text.splitlines(keepends=True) if "build_info{" not in line]
    return "".join(own)  # without our own version, which is another in each release


def lines() -> Iterator[str]:
    told = events()
    for name in ("table", "json", "ndjson"):
        yield f"{name}\n{printed(name, *told)}"
    for name in ("nagios", "prom"):
        yield f"{name}\n{printed(name, told[0])}"
    for event in told:
        yield f"protobuf {events_pb.encode(event).hex()}"
        yield f"sse {sse_chunk(event)!r}"
        yield f"ndjson {ndjson_chunk(event)!r}"
    response = legacy_pb.to_response(items(9), FakeClock().now(), "agentctl", cursor="c")
    yield f"status {response.SerializeToString(deterministic=True).hex()}"
    yield f"scope {SCOPE.hex()}"
    rng = random.Random(13)
    for count in (0, 1, 9, 60, 75, 100, 101, 150):
        for sources in (0, 3, 12, 40):
            versions = {f"source-{n}": str(rng.randrange(10**9)) for n in range(sources)}
            position = cursors.Position(1769796900000 + count, sources)
            made = cursors.make(position, SCOPE, versions, items(count))
            yield f"cursor {count} {sources} {cursors.encode(made)}"


def test_one_cluster_is_told_as_before_there_were_several() -> None:
    assert "\n".join(lines()) == WRITTEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("count", [9, 60])
def test_a_cursor_of_then_still_tells_what_has_changed(count: int) -> None:
    """Read back: nothing has changed, and then exactly one thing has."""
    then = WRITTEN.read_text(encoding="utf-8").splitlines()
    text = next(one for one in then if one.startswith(f"cursor {count} 3 ")).split()[-1]
    present = items(count)
    known = [item.key for item in present]
    found = cursors.resume(cursors.decode(text), SCOPE, present, known)
    assert isinstance(found, cursors.Nothing)
    present[3] = Item("part-003", "agents", Status.ERROR, "gone")
    found = cursors.resume(cursors.decode(text), SCOPE, present, known)
    assert found == cursors.Changes((present[3],), ())
