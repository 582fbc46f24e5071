"""The page's decoder of event streams keeps the laws of ours: same bytes, same events."""

from __future__ import annotations

import random
from typing import Any

from agentctl.wire.sse_decode import EventStreamDecoder, EventTooLarge
from tests.browser.node import needs_node, node

STREAMS = [
    b"data: This is the first message.\n\ndata: second, it\ndata: has two lines.\n\n",
    b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n",
    b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event",
    b"data\n\ndata\ndata\n\ndata:",
    b"data:test\n\ndata: test\n\ndata:  a\n\ndata:\ta\n\n",
    b"\xef\xbb\xbfdata: a\n\n",
    b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n",
    b"data: \xef\xbb\xbf\n\n",
    b"\xefdata: a\n\ndata: b\n\n",
    b"\xef\xbb\xbedata: a\n\ndata: b\n\n",
    b"event: x\rdata: a\r\ndata: b\n\r\rdata: c\r\r\ndata: d\r\n\r\n",
    b"data: a\n\rdata: b\n\r",
    "data: a\u2028b\u0085c\x0bd\n\n".encode(),
    b": hello\n:\n::data: x\ndata: a\n: in between\ndata: b\n:\n\n",
    b"id: 7\n: comment\n\n: more\n\n",
    b"Data: a\n data: b\ndata : c\ndatax: d\ndata: e\n\n",
    b"event: x\n\ndata: a\n\nevent: x\nevent\ndata: b\n\n",
    b"\n\n\r\r\r\n\r\n",
    b"id: 1\ndata: a\n\ndata: b\n\nid: 2\ndata: c\n\nid\ndata: d\n\n",
    b"id: 1\ndata: a\n\nid: 2\x00\ndata: b\n\nid: 3\n\n",
    b"id: 1\ndata: a\n\nid: 2\ndata: b\n",
    *(b"retry: " + value + b"\n\n" for value in (b"1000", b"0", b"007", b"", b"1s", b"-1", b" 1")),
    b"retry: " + b"9" * 400 + b"\n",
    b"retry: 5\nretry: soon\nretry\n",
    "event: é\nid: \U0001f600\ndata: aé€\U0001f600\n\n".encode(),
    b"data: \xff \xc3 \xe2\x82 \xf0\x9f\x98 \xc0\xaf \xed\xa0\x80 \xf5\x80 \xe2\x82a\n\n",
    b"data: \xe2\ndata: \x82\xac\nid: \xff\n\n",
]
PIECES = [b"data", b"event", b"id", b"retry", b":", b": ", b" ", b"\n", b"\r", b"\r\n", b"a", b"7"]
PIECES += [b"\0", b"\xef\xbb\xbf", b"\xff", "é".encode(), b"\n\n", b"x" * 40]

SCRIPT = """
return given.map(({ pieces, limit }) => {
  const decoder = new page.EventStreamDecoder(limit);
  const events = [];
  try {
    for (const piece of pieces)
      for (const event of decoder.feed(bytes(piece)))
        events.push([event.type, event.data, event.lastEventId]);
  } catch (error) {
    return error instanceof page.EventTooLarge ? "too large" : String(error);
  }
  return [events, decoder.lastEventId, decoder.retryMs];
});
"""


def decoded(case: dict[str, Any]) -> Any:
    decoder = EventStreamDecoder(case["limit"])
    try:
        events = [list(e) for p in case["pieces"] for e in decoder.feed(bytes.fromhex(p))]
    except EventTooLarge:
        return "too large"
    return [events, decoder.last_event_id, decoder.retry_ms]


def cut(stream: bytes, rng: random.Random) -> list[str]:
    places = sorted({0, len(stream), *(rng.randrange(len(stream) + 1) for _ in range(4))})
    return [stream[at:to].hex() for at, to in zip(places, places[1:])]


@needs_node
def test_it_gives_the_events_that_ours_gives() -> None:
    rng = random.Random(16)
    streams = STREAMS + [b"".join(rng.choices(PIECES, k=rng.randrange(1, 60))) for _ in range(1500)]
    cases = []
    for stream in streams:
        splits = [[stream.hex()], [b.to_bytes(1, "big").hex() for b in stream], cut(stream, rng)]
        cases += [{"pieces": pieces, "limit": 1 << 20} for pieces in splits]
    for found, case in zip(node(SCRIPT, cases), cases):
        assert found == decoded(case), case


@needs_node
def test_what_is_too_large_is_refused_where_ours_refuses_it() -> None:
    streams = [
        b"data: " + b"x" * 94 + b"\n\n",
        b"data: " + b"x" * 95 + b"\n\n",
        b"data: " + b"x" * 95,
        b":" + b"x" * 500 + b"\ndata: a\n\n",
        (b"data: " + b"x" * 40 + b"\n") * 2 + b"\n",
        (b"data: " + b"x" * 50 + b"\n") * 2 + b"\n",
        b"data: a\n\n" * 100,
    ]
    cases = [
        {"pieces": pieces, "limit": 100}
        for stream in streams
        for pieces in ([stream.hex()], [b.to_bytes(1, "big").hex() for b in stream])
    ]
    assert node(SCRIPT, cases) == [decoded(case) for case in cases]
