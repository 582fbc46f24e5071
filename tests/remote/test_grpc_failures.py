"""What gRPC says of a failure, and what the operator is told."""

from __future__ import annotations

import grpc
import pytest

from agentctl.errors import (
    DisconnectedError,
    ForbiddenError,
    NotFoundError,
    ServerError,
    SourceError,
    StreamingUnsupported,
    UnauthorizedError,
)
from agentctl.remote.grpc_failures import MAX_DETAILS, Asked, failure_of

HERE = Asked("localhost:1", tls=False, token=False, streaming=True)
TLS = HERE._replace(tls=True)

CODES = {
    "OK": DisconnectedError,
    "CANCELLED": DisconnectedError,
    "UNKNOWN": ServerError,
    "INVALID_ARGUMENT": ServerError,
    "DEADLINE_EXCEEDED": DisconnectedError,
    "NOT_FOUND": NotFoundError,
    "ALREADY_EXISTS": ServerError,
    "PERMISSION_DENIED": ForbiddenError,
    "RESOURCE_EXHAUSTED": ServerError,
    "FAILED_PRECONDITION": StreamingUnsupported,
    "ABORTED": ServerError,
    "OUT_OF_RANGE": ServerError,
    "UNIMPLEMENTED": StreamingUnsupported,
    "INTERNAL": ServerError,
    "UNAVAILABLE": DisconnectedError,
    "DATA_LOSS": ServerError,
    "UNAUTHENTICATED": UnauthorizedError,
}


def test_every_code_has_its_meaning() -> None:
    assert set(CODES) == {code.name for code in grpc.StatusCode}


@pytest.mark.parametrize("code", CODES)
def test_the_code_decides_what_becomes_of_a_stream(code: str) -> None:
    failure = failure_of(code, "the server's words", HERE)
    assert type(failure) is CODES[code]
    assert failure.message.startswith("localhost:1: ")
    assert "the server's words" in failure.message


@pytest.mark.parametrize(
    ("code", "kind"), [("UNIMPLEMENTED", NotFoundError), ("FAILED_PRECONDITION", ServerError)]
)
def test_a_status_that_cannot_be_asked_for_is_not_polled_instead(
    code: str, kind: type[SourceError]
) -> None:
    assert type(failure_of(code, "", HERE._replace(streaming=False))) is kind


def test_a_stream_that_is_not_there_names_the_way_out() -> None:
    failure = failure_of("UNIMPLEMENTED", "Method not found!", HERE)
    assert failure.message == (
        "localhost:1: cannot be watched: Method not found!; poll it with --fallback-poll"
    )


def test_who_gave_no_token_is_told_how_to() -> None:
    assert "--token-file" in failure_of("UNAUTHENTICATED", "", HERE).message
    assert "token" in failure_of("UNAUTHENTICATED", "", HERE._replace(token=True)).message


CONNECT = "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: "
SSL = "SSL_ERROR_SSL: error:1000007d:SSL routines:OPENSSL_internal:"


@pytest.mark.parametrize(
    ("asked", "details", "words"),
    [
        (HERE, f"{CONNECT}Failed to connect to remote host: Connection refused", "refused"),
        (HERE, "DNS resolution failed for x:1: C-ares status is not ARES_SUCCESS", "look up"),
        (HERE, "errors resolving x:1: [field:hostname lookup error:address lookup ...", "look up"),
        (TLS, f"{CONNECT}Ssl handshake failed: {SSL}WRONG_VERSION_NUMBER", "not speak TLS"),
        (TLS, f"{CONNECT}Ssl handshake failed: {SSL}CERTIFICATE_VERIFY_FAILED", "out of date, or"),
        (
            TLS,
            f"{CONNECT}Tls handshake failed (TSI_PROTOCOL_FAILURE): {SSL}"
            "CERTIFICATE_VERIFY_FAILED: certificate has expired: OK",
            "has expired",
        ),
        (TLS, f"{CONNECT}{SSL}CERTIFICATE_VERIFY_FAILED: certificate is not yet valid", "clock"),
        (TLS, f"{CONNECT}{SSL}: unable to get local issuer certificate: OK", "--tls-ca"),
        (TLS, f"{CONNECT}{SSL}: self signed certificate in certificate chain", "--tls-ca"),
        (TLS, f"{CONNECT}Peer name 127.0.0.1 is not in peer certificate", "--tls-server-name"),
        (
            TLS,
            f"{CONNECT}Custom verification check failed with error: UNAUTHENTICATED: "
            "Hostname Verification Check failed.",
            "--tls-server-name",
        ),
        (TLS, f"{CONNECT}{SSL}TLSV1_ALERT_UNKNOWN_CA", "--tls-cert"),
        (TLS, f"{CONNECT}Socket closed", "--tls-cert"),
        (TLS, f"{CONNECT}Handshake read failed (Socket closed)", "--tls-cert"),
        (TLS, f"{CONNECT}Handshake read failed", "timed out"),
        (HERE, f"{CONNECT}Socket closed", "want TLS (--tls)"),
        (HERE, f"{CONNECT}Socket closed", "is a server behind it"),
        (HERE, f"{CONNECT}recvmsg:Connection reset by peer (104)", "is a server behind it"),
        (TLS, f"{CONNECT}Handshake read failed (Socket closed)", "is a server behind it"),
        (HERE, f"{CONNECT}Trying to connect an http1.x server", "HTTP/1.1"),
        (HERE, f"{CONNECT}Failed parsing HTTP/2 (... got frame type 80)", "HTTP/1.1"),
        (HERE, f"{CONNECT}Failed parsing HTTP/2 (... got frame type 255)", "not gRPC"),
        (HERE, "failed to connect to all addresses; last error: OK", "not gRPC"),
        (HERE, f"{CONNECT}connection attempt timed out before receiving SETTINGS", "timed out"),
        (HERE, f"{CONNECT}getsockopt(SO_ERROR): No route to host", "cannot be reached"),
        (HERE, f"{CONNECT}connect failed: No such file or directory", "no such socket"),
        (HERE, f"{CONNECT}the moon is full", "cannot connect: UNKNOWN: ipv4:127.0.0.1:1: the moon"),
        (HERE, "Socket closed", "connection was lost"),
        (HERE, "Stream removed (Socket closed)", "connection was lost"),
        (HERE, "recvmsg:Connection reset by peer", "connection was lost"),
        (HERE, "Stream removed (ping timeout)", "ping"),
        (HERE, "keepalive watchdog timeout", "ping"),
        (HERE, "Too many pings", "less often"),
        (HERE, "GOAWAY received; Error code: 11; Debug Text: too_many_pings", "less often"),
        (HERE, "GOAWAY received; Error code: 2; Debug Text: Server shutting down", "ended"),
        (HERE, "Received http2 header with status: 502", "HTTP 502"),
        (HERE, "no state is known yet: try again", "unavailable: no state is known yet"),
        (HERE, "upstream: connection reset", "unavailable: upstream: connection reset"),
    ],
)
def test_what_became_of_a_connection_is_one_line_that_helps(
    asked: Asked, details: str, words: str
) -> None:
    failure = failure_of("UNAVAILABLE", details, asked)
    assert isinstance(failure, DisconnectedError)
    assert failure.message.startswith("localhost:1: ")
    assert words in failure.message
    assert "\n" not in failure.message
    assert len(failure.message) < 200


@pytest.mark.parametrize(
    "details",
    [
        "Received message larger than max (17 vs. 16)",
        "Stream removed (CLIENT: Received message larger than max (17 vs. 16))",
        "Decompressed message larger than max",
    ],
)
def test_a_message_that_is_too_large_is_no_servers_limit(details: str) -> None:
    failure = failure_of("RESOURCE_EXHAUSTED", details, HERE)
    assert "more than fits into one message" in failure.message


def test_a_stream_that_grpc_removed_was_lost() -> None:
    assert "lost" in failure_of("UNKNOWN", "Stream removed", HERE).message


def test_the_servers_words_are_one_short_line_without_secrets() -> None:
    words = "no\r\n\x1b[31m room for Bearer abcdef0123456789abcdef " + "x" * 100_000
    message = failure_of("INTERNAL", words, HERE).message
    assert len(message) < MAX_DETAILS + 100
    assert message.isprintable()
    assert "abcdef0123" not in message
