"""What the tests of the double share: the double itself and a plain client."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from urllib.parse import urlencode

import pytest

from agentctl.demo import ControlPlane
from tests.apidouble.faulty import FaultyDouble

DATA = Path(__file__).resolve().parent.parent / "data"


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.raw = response.read()

    @property
    def body(self):
        return json.loads(self.raw)


class Watching:
    """A watch under way: ``next`` is the next event."""

    def __init__(self, conn, response):
        self.conn = conn
        self.response = response
        self._buffer = b""
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}

    def line(self):
        """The next line; b"" at the end of a proper body.

        Raises IncompleteRead or OSError where the body breaks off, after what there was
        of a line. (HTTPResponse.readline would not tell.)
        """
        while b"\n" not in self._buffer:
            try:
                data = self.response.read1(65536)
            except (OSError, http.client.IncompleteRead):
                if not self._buffer:
                    raise
                data = b""
            if not data:
                rest, self._buffer = self._buffer, b""
                return rest
            self._buffer += data
        line, newline, self._buffer = self._buffer.partition(b"\n")
        return line + newline

    def next(self):
        line = self.line()
        return json.loads(line) if line else None

    def rest(self):
        """All events up to the end."""
        events = []
        while (event := self.next()) is not None:
            events.append(event)
        return events

    def close(self):
        self.response.close()
        self.conn.close()


class Client:
    """Plain HTTP to a double; whatever it opened is closed by ``close``."""

    def __init__(self, double):
        self.double = double
        self._open = []

    def connect(self, timeout=20.0):
        conn = http.client.HTTPConnection("127.0.0.1", self.double.port, timeout=timeout)
        self._open.append(conn)
        return conn

    def request(self, method, path, body=None, headers=None, timeout=20.0, **query):
        if query:
            path += "?" + urlencode(query)
        conn = self.connect(timeout)
        headers = {"Accept": "application/json", **(headers or {})}
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
            body = json.dumps(body)
        conn.request(method, path, body, headers)
        answer = Answer(conn.getresponse())
        conn.close()
        return answer

    def get(self, path, headers=None, **query):
        return self.request("GET", path, headers=headers, **query)

    def watch(self, path, headers=None, timeout=20.0, **query):
        separator = "&" if "?" in path else "?"
        path += separator + urlencode({"watch": "true", **query})
        conn = self.connect(timeout)
        conn.request("GET", path, headers={"Accept": "application/json", **(headers or {})})
        watching = Watching(conn, conn.getresponse())
        self._open.append(watching)
        return watching

    def close(self):
        for each in self._open:
            each.close()


@pytest.fixture
def double():
    with FaultyDouble() as double:
        yield double


@pytest.fixture
def store(double):
    return double.store


@pytest.fixture
def plane(double):
    plane = ControlPlane(double.store)
    plane.install()
    return plane


@pytest.fixture
def client(double):
    client = Client(double)
    yield client
    client.close()


@pytest.fixture
def new_client():
    """Clients of doubles that a test makes itself."""
    clients = []

    def make(double):
        clients.append(Client(double))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def transcript():
    """One recorded exchange with a real API server, by name."""

    def load(name):
        return json.loads((DATA / f"{name}.json").read_text())

    return load
