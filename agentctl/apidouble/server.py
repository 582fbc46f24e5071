"""Server sockets of the double: a thread for each connection, all gone at ``stop``."""

from __future__ import annotations

import contextlib
import errno
import itertools
import selectors
import socket
import ssl
import threading
import time
from typing import Callable, Optional

from agentctl.apidouble.wire import AcceptedConnection, BadRequest
from agentctl.debug_log import DebugLog

log = DebugLog(__name__)

JOIN_S = 10.0
"""Within this time after ``stop`` every thread must have ended: on a crowded host one may
long not get the processor."""

HANDSHAKE_S = 5.0
"""A client that does not finish its TLS handshake must not hold a thread."""

REBIND_S = 10.0
"""How long to try for the old port again: its last connections may still be closing."""


class Server:
    """Accepts on loopback and serves each connection in a thread.

    ``serve`` owns its connection's protocol; it is to return when a read or a write
    fails, and when ``closing`` says so.
    """

    def __init__(
        self,
        serve: Callable[[AcceptedConnection], None],
        host: str = "127.0.0.1",
        port: int = 0,
        tls: Optional[ssl.SSLContext] = None,
    ) -> None:
        self.host = host
        self.port = port
        """The one bound to, once started; kept when the listener closes and opens again."""
        self._serve = serve
        self._tls = tls
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._closing = True
        self._had_port = False
        self._waker: Optional[socket.socket] = None
        self._acceptor: Optional[threading.Thread] = None
        self._threads: dict[threading.Thread, Optional[AcceptedConnection]] = {}

    @property
    def closing(self) -> bool:
        return self._closing

    def open(self) -> None:
        """Listen and accept, unless it does. Raises OSError if the port cannot be had."""
        if self._acceptor is not None:
            return
        listener = self._bind()
        self.port = listener.getsockname()[1]
        waker, woken = socket.socketpair()
        self._waker, self._closing, self._had_port = waker, False, True
        self._acceptor = threading.Thread(
            target=self._accept, args=(listener, woken), name="demo-accept", daemon=True
        )
        self._acceptor.start()

    def shut(self) -> None:
        """Begin to close: nothing new is accepted, and ``closing`` says so."""
        self._closing = True

    def close(self) -> None:
        """Stop listening and drop every connection.

        Raises RuntimeError if a thread is still there ``JOIN_S`` later.
        """
        acceptor, waker = self._acceptor, self._waker
        self._closing = True
        self._acceptor = self._waker = None
        if waker is not None:
            waker.close()
        if acceptor is not None:
            acceptor.join(JOIN_S)
        self.drop()
        deadline = time.monotonic() + JOIN_S
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))
        late = [thread.name for thread in threads if thread.is_alive()]
        if late:
            raise RuntimeError(f"threads still running: {', '.join(late)}")

    def drop(self) -> None:
        """Break every connection there is."""
        with self._lock:
            connections = [connection for connection in self._threads.values() if connection]
        for connection in connections:
            connection.shutdown()

    def _bind(self) -> socket.socket:
        deadline = time.monotonic() + REBIND_S
        while True:
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((self.host, self.port))
                listener.listen(512)
                listener.setblocking(False)
                return listener
            except OSError as error:
                listener.close()
                passing = error.errno == errno.EADDRINUSE and self._had_port
                if not passing or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def _accept(self, listener: socket.socket, woken: socket.socket) -> None:
        with listener, woken, selectors.DefaultSelector() as ready:
            ready.register(listener, selectors.EVENT_READ)
            ready.register(woken, selectors.EVENT_READ)
            while not self._closing:
                ready.select()
                while not self._closing:
                    try:
                        sock, _ = listener.accept()
                    except BlockingIOError:
                        break
                    except OSError:
                        log.debug("accept failed", exc_info=True)
                        break
                    self._start(sock)

    def _start(self, sock: socket.socket) -> None:
        # Daemon: at the end of the process a connection has nothing left to lose.
        thread = threading.Thread(
            target=self._run,
            args=(sock,),
            name=f"demo-connection-{next(self._numbers)}",
            daemon=True,
        )
        with self._lock:
            self._threads[thread] = None
        try:
            thread.start()
        except (RuntimeError, MemoryError) as error:
            log.debug("a connection is refused: %s", error)
            with self._lock:
                del self._threads[thread]
            sock.close()

    def _run(self, sock: socket.socket) -> None:
        me = threading.current_thread()
        connection: Optional[AcceptedConnection] = None
        try:
            with contextlib.suppress(OSError, BadRequest):
                sock.setblocking(True)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._tls is not None:
                    sock.settimeout(HANDSHAKE_S)
                    sock = self._tls.wrap_socket(
                        sock, server_side=True, do_handshake_on_connect=False
                    )
                connection = AcceptedConnection(sock)
                with self._lock:
                    self._threads[me] = connection
                if isinstance(sock, ssl.SSLSocket):
                    sock.do_handshake()
                    sock.settimeout(None)
                # Asked only now: a ``close`` before could not see the connection yet.
                if not self._closing:
                    self._serve(connection)
        finally:
            if connection is not None:
                connection.close()
            sock.close()
            with self._lock:
                self._threads.pop(me, None)
