"""gRPC channel for one call: address, options, credentials, and an end that leaves nothing.

Each call has a channel of its own, closed at its end: a channel that lives on connects
again by itself, after waits of its own, and shares connections with its likes.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Callable, Optional, Protocol, Union
from urllib.parse import quote

import grpc
from google.protobuf.message import Message

from agentctl import __version__
from agentctl.engine.attempt import Attempt
from agentctl.errors import ConfigError, DisconnectedError, LimitError
from agentctl.lazy_namedtuple import NamedTuple
from agentctl.net.tls import server_context, trust_certificates
from agentctl.net.tls_settings import TlsSettings
from agentctl.remote.access import ServerAccess, ServerAddress
from agentctl.threads import grpc_core_threads, require
from agentctl.wire.grpc_contract import CLIENT_OPTIONS, CLIENT_PING_S, PING_ANSWER_S

Options = dict[str, Union[int, str]]
Metadata = tuple[tuple[str, str], ...]

CALL_THREADS = 2
"""Beside the C core's: a call's watchdog and its timer."""

CONNECT_S = 10.0
"""For one address: its name, TCP, TLS and the first of HTTP/2."""

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""A snapshot of 10,000 items has some 3 MB."""

SYSTEM_CAS = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # Alpine, macOS
)
"""Where Go's programs, kubectl among them, look for CAs; grpc would use a list of its own."""


class Answers(Protocol):
    """What a call is answered with, as bytes, and how it ended."""

    def __iter__(self) -> Iterator[bytes]: ...
    def __next__(self) -> bytes: ...
    def initial_metadata(self) -> object: ...
    def code(self) -> grpc.StatusCode: ...
    def details(self) -> Optional[str]: ...


class ClientCall(NamedTuple):
    """``close`` ends it, from any thread and in whatever it waits for."""

    answers: Answers
    close: Callable[[], None]


@contextmanager
def calling(
    access: ServerAccess,
    attempt: Attempt,
    service: str,
    method: str,
    request: Message,
    timeout_s: Optional[float] = None,
    ping_s: float = CLIENT_PING_S,
) -> Iterator[ClientCall]:
    """A call, on a channel of its own, until the attempt is stopped or this is left.

    A single answer comes as a stream of one. The server is asked whether it is there when
    it was silent for ``ping_s``. Raises DisconnectedError where files of
    ``access`` cannot be used: they may just be being replaced; and where the host gives too
    few threads.
    """
    try:
        require(grpc_core_threads() + CALL_THREADS, "gRPC", large=True)
        sent, channel = _metadata(access), _channel(access, ping_s)
    except (ConfigError, LimitError) as error:
        raise DisconnectedError(error.message) from None
    # Cancelling would not do instead: a call that waits for headers holds the lock that
    # cancel needs.
    attempt.on_stop(channel.close)
    try:
        serialize = type(request).SerializeToString
        begin: Callable[..., Answers] = channel.unary_stream(
            f"/{service}/{method}", request_serializer=serialize
        )
        try:
            answers = begin(request, timeout=timeout_s, metadata=sent)
        except ValueError:  # closed meanwhile
            raise DisconnectedError("stopped") from None
        try:
            yield ClientCall(answers, channel.close)
        finally:
            channel.close()
            _exhaust(answers)
    finally:
        attempt.on_stop(None)
        channel.close()


def _exhaust(answers: Answers) -> None:
    """Take all that grpc has still to tell of a call that was ended: until then the
    connection stays open, for ever.

    The iterator stops at the status. Seldom is more to come, a word that the request was
    sent, and there is no public way to it.
    """
    with suppress(grpc.RpcError):
        for _ in answers:
            pass
    state, consume = getattr(answers, "_state", None), getattr(answers, "_consume_next_event", None)
    while consume is not None and getattr(state, "due", None):
        consume()


def _channel(access: ServerAccess, ping_s: float) -> grpc.Channel:
    target = _target(access.address)
    options = list(_options(access.address, access.tls, ping_s).items())
    if access.tls is None:
        return grpc.insecure_channel(target, options)
    return grpc.secure_channel(target, credentials(access.tls), options)


def _metadata(access: ServerAccess) -> Metadata:
    """What is sent with each call: the token of this moment.

    As plain metadata over TLS too: grpc's call credentials would send the same, and start
    a thread for each call to find out what it is.
    """
    if access.token is None:
        return ()
    return (("authorization", f"Bearer {access.token()}"),)


def credentials(tls: TlsSettings) -> grpc.ChannelCredentials:
    """From the files as they are now. Raises ConfigError, which names the file.

    They are tried here first: grpc says no more of a bad one than that it cannot connect.
    """
    roots, key, certificate = _authorities(tls.ca_file), None, None
    if tls.client_cert_file:
        key = _read("--tls-key", tls.client_key_file)
        certificate = _read("--tls-cert", tls.client_cert_file)
    server_context(tls)
    return grpc.ssl_channel_credentials(roots, key, certificate)


def _target(address: ServerAddress) -> str:
    if address.path:
        return f"unix:{quote(address.path)}"
    # With its scheme, or a host called "unix" would be one.
    return f"dns:///{quote(address.authority, safe='[]:')}"


def _options(address: ServerAddress, tls: Optional[TlsSettings], ping_s: float) -> Options:
    options: Options = dict(CLIENT_OPTIONS)
    options.update(
        {
            "grpc.keepalive_time_ms": int(ping_s * 1000),
            "grpc.primary_user_agent": f"agentctl/{__version__}",
            # One thread reads: half the CPU time for each event, and no wait for another.
            "SingleThreadedUnaryStream": 1,
            # The keepalive's own timeout does not count: this one does, and would be 60 s.
            "grpc.http2.ping_timeout_ms": int(PING_ANSWER_S * 1000),
            "grpc.use_local_subchannel_pool": 1,
            "grpc.min_reconnect_backoff_ms": int(CONNECT_S * 1000),
            "grpc.dns_ares_query_timeout": int(CONNECT_S * 1000),
            "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
            # None: the limit is on what arrives, not on what it unpacks to.
            "grpc.compression_enabled_algorithms_bitset": 1,
        }
    )
    if address.is_local:
        # Not by way of a proxy of the environment, above all not with a token.
        options["grpc.enable_http_proxy"] = 0
    if address.path:
        options["grpc.default_authority"] = "localhost"
    if tls is not None and tls.tls_server_name:
        options["grpc.ssl_target_name_override"] = tls.tls_server_name
        options["grpc.default_authority"] = tls.tls_server_name
    return options


def _authorities(path: str) -> Optional[bytes]:
    """The CAs to trust; None for those that grpc brings along."""
    if not path:
        known = (ssl.get_default_verify_paths().cafile, *SYSTEM_CAS)
        found = next((one for one in known if one and os.access(one, os.R_OK)), None)
        return _read("the system's CAs", found) if found else None
    # grpc's own reader would end at the first block that is broken.
    good = trust_certificates(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), _read("--tls-ca", path))
    return "".join(map(ssl.DER_cert_to_PEM_cert, good)).encode()


def _read(what: str, path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"{what} {path}: cannot be read: {reason}") from None
