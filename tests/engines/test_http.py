"""HTTP requests: what is sent, what is refused, and the result of every kind of answer."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
import responses
from responses.registries import OrderedRegistry

from fakes import faults
from fakes.answers import Answer
from fakes.koboldcpp import ANY, FakeKoboldCpp
from visionocr.engines import http as module
from visionocr.engines.connection import Connection, open_session
from visionocr.engines.dialects import probe
from visionocr.engines.http import Http, Reply
from visionocr.engines.http_errors import (
    ConnectionLost,
    GatewayTimedOut,
    PathUnknown,
    TimedOut,
    quote,
    server_words,
)
from visionocr.errors import (
    AnswerUnusable,
    ConfigurationError,
    Interrupted,
    KeyRefused,
    RequestRefused,
    RequestTooLarge,
    ServerBusy,
    ServerError,
    ServerRefused,
    ServerUnknown,
    ServerUnreachable,
)
from visionocr.stop import Stop

KEY = "sesame-3f9a"
LONG_KEY = "0pen-5esame-0123456789-abcdefghijklmnop"
BASE = "http://ocr.example"
GENERATE = "/api/v1/generate"
VERSION = "/api/extra/version"


@pytest.fixture
def mocked() -> Iterator[responses.RequestsMock]:
    """Answers without a socket, in the order in which they are given."""
    with responses.RequestsMock(registry=OrderedRegistry) as mock:
        yield mock


def mocked_error(mock: responses.RequestsMock, status: int, body: str | bytes = b"", **headers: str) -> ServerError:
    """The exception that an answer turns into."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    mock.add("POST", BASE + GENERATE, body=body, status=status, headers=named)
    with pytest.raises(ServerError) as caught:
        Http(BASE, KEY).post(GENERATE, {})
    return caught.value


# --- what is sent --------------------------------------------------------------------------------------


def test_get(mocked: responses.RequestsMock) -> None:
    """A GET returns status and decoded JSON."""
    mocked.add("GET", BASE + VERSION, json={"result": "KoboldCpp"})
    reply = Http(BASE).get(VERSION)
    assert (reply.status, reply.data) == (200, {"result": "KoboldCpp"})


def test_null(mocked: responses.RequestsMock) -> None:
    """The JSON ``null`` is a reply, not an error: the dialect knows what it means."""
    mocked.add("GET", BASE + VERSION, body=b"null")
    assert Http(BASE).get(VERSION).data is None


def test_headers(koboldcpp: FakeKoboldCpp) -> None:
    """Every request asks for the connection to be closed, for no compression, and tells its length."""
    http = Http(koboldcpp.url, KEY)
    http.get(VERSION)
    http.post("/api/extra/tokencount", {"prompt": "x"}, quick=True)
    http.post(GENERATE, {"prompt": "x"})
    assert len(koboldcpp.requests) == 3
    for arrival in koboldcpp.requests:
        assert arrival.headers["connection"] == "close"
        assert arrival.headers["accept-encoding"] == "identity"
        assert arrival.headers["authorization"] == f"Bearer {KEY}"
        assert "transfer-encoding" not in arrival.headers
        assert "expect" not in arrival.headers
        assert KEY not in arrival.path
        if arrival.method == "POST":
            assert arrival.headers["content-type"] == "application/json"
            assert int(arrival.headers["content-length"]) == arrival.size > 0
            assert arrival.is_json


def test_bytes_go_out_as_they_are(koboldcpp: FakeKoboldCpp) -> None:
    """A body given as bytes is not encoded again."""
    Http(koboldcpp.url).post("/api/extra/tokencount", b'{"prompt": "one"}')
    assert koboldcpp.requests[0].body == {"prompt": "one"}


def test_no_key_no_header(koboldcpp: FakeKoboldCpp) -> None:
    """Without a key there is no Authorization header."""
    Http(koboldcpp.url).get(VERSION)
    Http(koboldcpp.url, "").get(VERSION)
    assert all("authorization" not in arrival.headers for arrival in koboldcpp.requests)


def test_prefix_path(koboldcpp: FakeKoboldCpp) -> None:
    """A base with a prefix path is kept in front of every path."""
    assert Http(f"{koboldcpp.url}/kobold").get(VERSION).data["result"] == "KoboldCpp"
    assert koboldcpp.requests[0].path == f"/kobold{VERSION}"


def test_no_connection_stays(koboldcpp: FakeKoboldCpp) -> None:
    """After many requests from several threads, good and bad, the server has no connection open."""
    http = Http(koboldcpp.url)

    def ask(number: int) -> None:
        try:
            http.get(VERSION if number % 3 else "/nowhere")
        except ServerRefused:
            http.post("/api/extra/tokencount", {"prompt": "x"}, quick=True)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(12)))
    koboldcpp.wait_for(lambda: koboldcpp.open_connections == 0)
    assert len(koboldcpp.requests) == 16
    assert koboldcpp.most_connections <= 4


@pytest.mark.parametrize(
    "kind", [faults.Huge(200_000), faults.Endless(), faults.Drip(0.02), faults.NotJson()], ids=repr
)
def test_no_connection_stays_after_a_fault(
    kind: faults.Fault, koboldcpp: FakeKoboldCpp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that is given up in the middle leaves no connection open either."""
    monkeypatch.setattr(module, "MAX_ANSWER", 100_000)
    monkeypatch.setattr(module, "BODY_TIMEOUT", 0.1)
    koboldcpp.plan[ANY] = kind
    with pytest.raises(AnswerUnusable):
        Http(koboldcpp.url).post(GENERATE, {"prompt": "x"})
    koboldcpp.wait_for(lambda: koboldcpp.open_connections == 0)


# --- the key -------------------------------------------------------------------------------------------


def test_key_in_no_repr() -> None:
    """The key is in no repr."""
    assert KEY not in repr(Http(BASE, KEY))


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 408, 429, 500, 501, 502, 503, 504])
def test_key_in_no_error(status: int, mocked: responses.RequestsMock) -> None:
    """The key is in no message and no chained exception, even when the server repeats it."""
    body = json.dumps({"detail": {"msg": f"key {KEY} is wrong", "headers": f"Bearer {KEY}"}})
    error = mocked_error(mocked, status, body)
    assert KEY not in f"{error} {error!r} {error.message} {error.hint}"
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


@pytest.mark.parametrize("status", [200, 401, 500])
def test_key_in_no_quoted_page(status: int, mocked: responses.RequestsMock) -> None:
    """The key is not quoted from a page that is no JSON."""
    error = mocked_error(mocked, status, f"<html>Authorization: Bearer {KEY}</html>")
    assert KEY not in f"{error!r} {error.hint}"
    assert "***" in error.message


@pytest.mark.parametrize("filling", ["x" * 264, "x" * 290, "x" * 299, "<br>" * 1023 + "x" * 2, "word " * 54])
@pytest.mark.parametrize("json_body", [True, False])
@pytest.mark.parametrize("status", [400, 401, 404, 500, 503])
def test_no_part_of_the_key_is_quoted(
    status: int, json_body: bool, filling: str, mocked: responses.RequestsMock
) -> None:
    """No beginning of the key is left where a long message is cut off."""
    body = f"{filling}{LONG_KEY} and more"
    mocked.add("POST", BASE + GENERATE, body=json.dumps({"detail": body}) if json_body else body, status=status)
    with pytest.raises(ServerError) as caught:
        Http(BASE, LONG_KEY).post(GENERATE, {})
    assert LONG_KEY[:3] not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("key", ["sesame\n", "ses\rame", "\tsesame", "sésame-λ", "sesame\u2028", "ses\x00ame"])
def test_key_that_no_header_can_carry(key: str) -> None:
    """A key with a line break or the like is refused at once, without being shown."""
    with pytest.raises(ConfigurationError, match="key") as caught:
        Http(BASE, key)
    assert "same" not in f"{caught.value!r} {caught.value.hint}"


def test_no_netrc(mocked: responses.RequestsMock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ~/.netrc says about the host is not sent, with a key and without."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine ocr.example login me password hunter2\ndefault login me password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert requests.utils.get_netrc_auth(BASE) == ("me", "hunter2")  # the trap is set
    mocked.add("GET", BASE + VERSION, json={})
    mocked.add("GET", BASE + VERSION, json={})
    Http(BASE).get(VERSION)
    Http(BASE, KEY).get(VERSION)
    sent = [call.request.headers.get("Authorization") for call in mocked.calls]
    assert sent == [None, f"Bearer {KEY}"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect(status: int, koboldcpp: FakeKoboldCpp) -> None:
    """A redirect is not followed, so the key and the page go nowhere else; the error names the new host."""
    with FakeKoboldCpp() as other:
        koboldcpp.plan[ANY] = faults.Redirect(f"{other.url}{GENERATE}?token=abc", status)
        with pytest.raises(ServerRefused, match=r"redirects to http://127\.0\.0\.1") as caught:
            Http(koboldcpp.url, KEY).post(GENERATE, {"prompt": "x"})
        assert not other.requests
    assert "token" not in str(caught.value)
    assert "--api-url" in caught.value.hint


@pytest.mark.parametrize("location", ["/elsewhere", "", "//", "http://[::1", "http://[x/"])
def test_invalid_redirect(location: str, koboldcpp: FakeKoboldCpp) -> None:
    """A redirect to a path, to nothing or to an invalid address is refused like any other."""
    koboldcpp.plan[ANY] = faults.Redirect(location)
    with pytest.raises(ServerRefused, match="redirects to another address"):
        Http(koboldcpp.url).post(GENERATE, {"prompt": "x"})


@pytest.mark.parametrize("status", [301, 302, 307])
def test_endless_redirect(status: int, koboldcpp: FakeKoboldCpp) -> None:
    """The body of a redirect is bounded like any other."""
    headers = (("Location", "http://127.0.0.1:9/"),)
    koboldcpp.plan[ANY] = faults.ServerFault(Answer(status, headers=headers, more=itertools.repeat(b"x" * 65536)))
    with pytest.raises(AnswerUnusable, match="more than"):
        Http(koboldcpp.url, KEY).post(GENERATE, {"prompt": "x"})


# --- proxies -------------------------------------------------------------------------------------------


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKoboldCpp]:
    """A server that the environment names as the proxy for everything."""
    with FakeKoboldCpp() as server:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, server.url)
            monkeypatch.setenv(name.upper(), server.url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        yield server


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "LOCALHOST"])
def test_no_proxy_for_this_machine(host: str, proxy: FakeKoboldCpp, koboldcpp: FakeKoboldCpp) -> None:
    """Requests to this machine use no proxy of the environment, whatever the machine is called."""
    base = koboldcpp.url.replace("127.0.0.1", host)
    try:
        Http(base, KEY).get(VERSION)
    except ServerUnreachable:  # nobody listens there, and that is the answer
        assert host == "127.0.0.2"
    assert not proxy.requests


@pytest.mark.parametrize("host", ["127.1", "0.0.0.0", "[::ffff:127.0.0.1]", "192.168.1.5", socket.gethostname()])
def test_no_proxy_for_private_networks(host: str, proxy: FakeKoboldCpp) -> None:
    """Neither do requests to this machine's other names, or to a private network."""
    settings = open_session(f"http://{host}:5001", Connection()).merge_environment_settings(
        f"http://{host}:5001/", {}, True, None, None
    )
    assert not settings["proxies"]


def test_proxy_for_public_hosts(proxy: FakeKoboldCpp) -> None:
    """The proxy of the environment is used for public hosts."""
    Http("http://ocr.example").get(VERSION)
    assert [arrival.path for arrival in proxy.requests] == [f"http://ocr.example{VERSION}"]


# --- statuses ------------------------------------------------------------------------------------------

BAD_INPUT = '{"detail": {"msg": "Error parsing input.", "type": "bad_input"}}'
TOO_BIG = '{"detail": {"msg": "Payload is too big. Max payload size is 32MB.", "type": "bad_input"}}'
HTML = "<!DOCTYPE html><html><body><h1>Bad Gateway</h1></body></html>"

CONNECTION_ERROR = json.dumps(
    {"error": {"message": "litellm.InternalServerError: OpenAIException - Connection error."}}
)

STATUSES: list[tuple[int, str, type[ServerError], str]] = [
    (301, "", ServerRefused, "redirects"),
    (304, "", ServerRefused, "redirects"),
    (400, '{"value": -1}', RequestRefused, "-1"),
    (401, '{"detail": {"error": "Unauthorized", "msg": "Authentication key is missing."}}', KeyRefused, "401"),
    (403, "", KeyRefused, "403"),
    (404, HTML, PathUnknown, "does not exist"),
    (405, HTML, RequestRefused, "405"),
    (408, "", GatewayTimedOut, "408"),
    (413, "", RequestTooLarge, "413"),
    (422, '{"error": {"message": "no such field"}}', RequestRefused, "no such field"),
    (429, "", ServerBusy, "429"),
    (500, BAD_INPUT, RequestRefused, "Error parsing input."),
    (500, TOO_BIG, RequestTooLarge, "Max payload size is 32MB."),
    (500, '{"detail": {"msg": "the engine failed"}}', AnswerUnusable, "the engine failed"),
    (500, HTML, AnswerUnusable, "Bad Gateway"),
    (500, "", AnswerUnusable, "no explanation"),
    (501, '{"error": {"code": 501}}', AnswerUnusable, "501"),
    (500, CONNECTION_ERROR, ServerUnreachable, "cannot reach the server behind it"),
    (502, HTML, ServerUnreachable, "Bad Gateway"),
    (503, '{"detail": {"msg": "Server is busy; please try again later."}}', ServerBusy, "Server is busy"),
    (504, HTML, GatewayTimedOut, "504"),
    (521, "", ServerUnreachable, "521"),
    (524, "error code: 524", GatewayTimedOut, "524"),
]


@pytest.mark.parametrize(("status", "body", "kind", "words"), STATUSES)
def test_statuses(status: int, body: str, kind: type[ServerError], words: str, mocked: responses.RequestsMock) -> None:
    """Every status becomes the error that says what to do about it, with the server's own words."""
    error = mocked_error(mocked, status, body)
    assert type(error) is kind
    assert words in error.message
    assert "<" not in error.message


@pytest.mark.parametrize(("key", "words"), [(KEY, "did not accept the key"), (None, "wants a key")])
def test_unauthorized_hint(key: str | None, words: str) -> None:
    """The hint tells a wrong key from a missing one."""
    with FakeKoboldCpp(password="right") as server, pytest.raises(ServerRefused, match="401") as caught:
        Http(server.url, key).post("/api/extra/tokencount", {"prompt": "x"}, quick=True)
    assert words in caught.value.hint


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("3", 3.0),
        ("0", 0.0),
        ("86400", 600.0),
        ("9" * 15, 600.0),
        ("9" * 5000, None),
        ("-1", None),
        ("1.5", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("\u00b2", None),
        ("", None),
    ],
)
def test_retry_after(header: str, wait: float | None, mocked: responses.RequestsMock) -> None:
    """Retry-After in seconds is a wish, within reason; anything else is none."""
    error = mocked_error(mocked, 503, "", Retry_After=header)
    assert isinstance(error, ServerBusy)
    assert error.retry_after == wait


def test_retry_after_on_the_wire(koboldcpp: FakeKoboldCpp) -> None:
    """The header is read from a real answer too, with characters that are no digits for us."""
    koboldcpp.plan[ANY] = [faults.Raw(503, Retry_After="7"), faults.Raw(503, Retry_After="\u00b2")]
    waits = []
    for _ in range(2):
        with pytest.raises(ServerBusy) as caught:
            Http(koboldcpp.url).post(GENERATE, {"prompt": "x"})
        waits.append(caught.value.retry_after)
    assert waits == [7.0, None]


# --- bad answers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [faults.Html(), faults.NotJson(), faults.NotUtf8(), faults.Nested(), faults.Raw()])
def test_not_json(kind: faults.Fault, koboldcpp: FakeKoboldCpp) -> None:
    """A web page, half a JSON, other encodings, deep nesting and nothing at all are unusable answers."""
    koboldcpp.plan[ANY] = kind
    with pytest.raises(AnswerUnusable, match="not JSON") as caught:
        Http(koboldcpp.url).post(GENERATE, {"prompt": "x"})
    assert len(caught.value.message) < 500


@pytest.mark.parametrize("body", ["[" * 50_000, "\x1b[2J\x00\u202e" * 99, "x" * 100_000])
def test_quoted_answers_are_sanitized(body: str, mocked: responses.RequestsMock) -> None:
    """A quotation of a server's answer is short, on one line and printable."""
    error = mocked_error(mocked, 500, body)
    assert len(error.message) < 500
    assert error.message.isprintable()


def test_error_messages_are_extracted() -> None:
    """The message is taken from the JSON of an error, or from a page without its tags."""
    assert server_words(b'{"detail": {"msg": "busy", "type": "x"}}') == "busy"
    assert server_words(b'{"error": {"message": "no"}}') == "no"
    assert server_words(b'{"error": "no"}') == "no"
    assert server_words(b"<h1>Bad</h1> <p>Gateway</p>") == "Bad Gateway"
    assert server_words(b"") == "no explanation"
    assert server_words(b"[1]") == "[1]"
    assert server_words(b'{"detail": null}') == "None"
    assert quote("a\n\n b\tc\x07") == "a b c?"


def test_size_limit(koboldcpp: FakeKoboldCpp, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer just within the limit is read; a larger one is not."""
    monkeypatch.setattr(module, "MAX_ANSWER", 100_000)
    koboldcpp.plan[ANY] = [faults.Huge(99_000), faults.Huge(101_000)]
    http = Http(koboldcpp.url)
    assert len(http.post(GENERATE, {"prompt": "x"}).data["results"][0]["text"]) == 99_000
    with pytest.raises(AnswerUnusable, match="more than"):
        http.post(GENERATE, {"prompt": "x"})


def test_endless_answer(koboldcpp: FakeKoboldCpp) -> None:
    """An answer without an end is given up at the limit."""
    koboldcpp.plan[ANY] = faults.Endless()
    with pytest.raises(AnswerUnusable, match="more than 16 MiB"):
        Http(koboldcpp.url).post(GENERATE, {"prompt": "x"})


def test_slow_but_whole(koboldcpp: FakeKoboldCpp) -> None:
    """A body that comes byte by byte is put together when it comes in time."""
    koboldcpp.plan[VERSION] = faults.Drip(0.0001)
    assert Http(koboldcpp.url).get(VERSION).data["result"] == "KoboldCpp"


def test_trickling_body_times_out(koboldcpp: FakeKoboldCpp, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that trickles in is given up after its time, though no single wait is long."""
    monkeypatch.setattr(module, "BODY_TIMEOUT", 0.15)
    koboldcpp.plan[ANY] = faults.Drip(0.05)  # some 600 bytes: half a minute
    began = time.monotonic()
    with pytest.raises(TimedOut, match="too slowly"):
        Http(koboldcpp.url).post(GENERATE, {"prompt": "x"})
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("part", [0.0, 0.5, 0.99])
def test_truncated_answer(part: float, koboldcpp: FakeKoboldCpp) -> None:
    """An answer shorter than its announced length is a lost connection, wherever it breaks off."""
    koboldcpp.plan[ANY] = faults.CutBody(part)
    with pytest.raises(ConnectionLost, match="closed the connection"):
        Http(koboldcpp.url).post(GENERATE, {"prompt": "x"})


@pytest.mark.parametrize("kind", [faults.Closed(), faults.Reset()])
def test_connection_closed_without_an_answer(kind: faults.Fault, koboldcpp: FakeKoboldCpp) -> None:
    """The error is an unusable answer, not an unreachable server."""
    koboldcpp.plan[ANY] = kind
    with pytest.raises(ConnectionLost):
        Http(koboldcpp.url).post(GENERATE, {"prompt": "x"})


def raw_server(answer: bytes) -> Iterator[str]:
    """A server that answers one connection with some bytes and closes it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                request = b""
                while b"\r\n\r\n" not in request or (request.startswith(b"POST") and not request.endswith(b"}")):
                    request += connection.recv(65536)  # what is left unread would reset the connection
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


RAW: list[tuple[bytes, type[Any]]] = [
    (b"SSH-2.0-OpenSSH_9.6\r\n", AnswerUnusable),
    (b"HTTP/1.1 999 What\r\n\r\n", AnswerUnusable),
    (b"HTTP/1.1 abc\r\n\r\n", AnswerUnusable),
    (b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\nnull", Reply),
    (b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\nnull", Reply),
    (b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nnull", Reply),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nnull", AnswerUnusable),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 3, 4\r\n\r\nnull", AnswerUnusable),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nnull\r\n0\r\n\r\n", Reply),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nnu", AnswerUnusable),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\nnull", AnswerUnusable),
    (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nnull", AnswerUnusable),
    (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\nnull", AnswerUnusable),
    (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\nnull", AnswerUnusable),
    (b"HTTP/1.1 302 Found\r\nLocation: http://[\r\n\r\n", ServerRefused),
]


@pytest.mark.parametrize(("answer", "kind"), RAW, ids=[answer[:60].decode("latin-1") for answer, _ in RAW])
def test_any_bytes(answer: bytes, kind: type[Any]) -> None:
    """Whatever bytes come back, the result is a reply or one of our errors, never a library's."""
    for base in raw_server(answer):
        if kind is Reply:
            assert Http(base).get(VERSION).data is None
        else:
            with pytest.raises(kind):
                Http(base).get(VERSION)


# --- streams -------------------------------------------------------------------------------------------

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_stream_events() -> None:
    """Events are delivered one by one, however they are cut into chunks, and are all in the reply."""
    heard: list[Any] = []
    for base in raw_server(STREAM + b'a\r\ndata: {"a"\r\n10\r\n: 1}\n\ndata: [2]\n\r\n0\r\n\r\n'):
        reply = Http(base).post(GENERATE, {}, on_event=heard.append)
    assert heard == [{"a": 1}, [2]] == list(reply.events)
    assert reply.data == [2]


@pytest.mark.parametrize("rest", [b"a\r\ndata: 1\n\n\n\r\n", b"a\r\ndata: 1", b"zz\r\n", b""])
def test_stream_that_breaks_off(rest: bytes) -> None:
    """A connection that ends in the middle of a stream is lost, whatever was heard before."""
    for base in raw_server(STREAM + rest):
        with pytest.raises(ConnectionLost):
            Http(base).post(GENERATE, {}, on_event=lambda event: None, connection=Connection())


def test_stream_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream is limited in size, with line ends and without."""
    monkeypatch.setattr(module, "MAX_ANSWER", 1000)
    for filling in (b"data: 1\n\n", b"xxxxxxxxx"):
        body = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + filling * 1000
        for base in raw_server(body):
            with pytest.raises(AnswerUnusable, match="more than"):
                Http(base).post(GENERATE, {}, on_event=lambda event: None)


def test_stream_of_too_many_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of events is limited: each takes far more memory than its bytes."""
    monkeypatch.setattr(module, "_MOST_EVENTS", 100)
    body = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n"
    for count, fine in ((100, True), (101, False)):
        for base in raw_server(body + b"1\n" * count):
            with contextlib.nullcontext() if fine else pytest.raises(AnswerUnusable, match="more than 100 events"):
                assert len(Http(base).post(GENERATE, {}, on_event=lambda event: None).events) == count


def test_stream_without_a_listener() -> None:
    """Without a listener a stream is an answer that is not JSON; an error is never taken for a stream."""
    answer = b"HTTP/1.1 %s\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"
    for base in raw_server(answer % b"200 OK"):
        with pytest.raises(AnswerUnusable, match="not JSON"):
            Http(base).post(GENERATE, {})
    for base in raw_server(answer % b"500 Oops"):
        with pytest.raises(AnswerUnusable, match="500"):
            Http(base).post(GENERATE, {}, on_event=lambda event: None)


# --- unreachable and silent servers --------------------------------------------------------------------


def test_connection_refused() -> None:
    """The server is unreachable, and the hint says that a loading model does not answer."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(ServerUnreachable, match="connection refused") as caught:
            Http(base).get(VERSION)
    assert "loading" in caught.value.hint


def test_unknown_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host name that does not resolve is said to be unknown."""

    def fail(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(ServerUnreachable, match="host name is unknown"):
        Http("http://no-such-host:5001").get(VERSION)


@pytest.mark.parametrize("host", ["a" * 70, "a..b", ".", "a b", "x" * 300 + ".y"])
def test_invalid_host_name(host: str) -> None:
    """An invalid host name is an unusable address, not a crash."""
    with pytest.raises(ServerUnreachable, match="not a usable address"):
        Http(f"http://{host}:5001").get(VERSION)


def test_connect_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that swallows packets is given up after the connection time and is unreachable, not slow."""
    monkeypatch.setattr(module, "CONNECT_TIMEOUT", 0.05)

    def swallow(self: socket.socket, address: object) -> None:
        assert self.gettimeout() == 0.05
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket.socket, "connect", swallow)
    with pytest.raises(ServerUnreachable, match="no answer"):
        Http("http://127.0.0.1:5001").get(VERSION)


def test_long_request_times_out(koboldcpp: FakeKoboldCpp) -> None:
    """A long request is given up after the time that was set, and the message names it."""
    koboldcpp.plan[ANY] = faults.Hang()
    with pytest.raises(TimedOut, match="nothing for 0 s"):
        Http(koboldcpp.url, timeout=0.1).post(GENERATE, {"prompt": "x"})
    koboldcpp.release()


def test_close_ends_a_request(koboldcpp: FakeKoboldCpp) -> None:
    """Closing a connection ends its request, and the server sees the connection go."""
    koboldcpp.plan[ANY] = faults.Hang()
    connection = Connection()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(
            lambda: Http(koboldcpp.url, timeout=0.05).post(GENERATE, {"prompt": "x"}, connection=connection)
        )
        koboldcpp.wait_for(lambda: koboldcpp.running is not None)
        connection.close()
        try:
            with pytest.raises(ConnectionLost):
                asked.result(5)
        finally:
            koboldcpp.release()
    koboldcpp.wait_for(lambda: koboldcpp.open_connections == 0)


def test_closed_connection_sends_nothing(koboldcpp: FakeKoboldCpp) -> None:
    """A connection that was closed before its request sends nothing."""
    connection = Connection()
    connection.close()
    connection.close()
    with pytest.raises(ConnectionLost):
        Http(koboldcpp.url).post(GENERATE, {"prompt": "x"}, connection=connection)
    assert not koboldcpp.generated


def test_short_request_times_out(koboldcpp: FakeKoboldCpp, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short request has a shorter time-out than a page."""
    monkeypatch.setattr(module, "PROBE_TIMEOUT", 0.1)
    koboldcpp.plan[ANY] = faults.Hang()
    with pytest.raises(TimedOut, match="nothing for 0 s"):
        Http(koboldcpp.url, timeout=3.0).post(GENERATE, {"prompt": "x"}, quick=True)
    koboldcpp.release()


def test_stalled_body_names_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that stops in the middle is a time-out, and the message names the time of that request."""
    monkeypatch.setattr(module, "PROBE_TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(
            lambda: Http(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=500.0).get(VERSION),
        )
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\n{")
            with pytest.raises(TimedOut, match="nothing for 0 s"):
                asked.result(10)


def test_https_to_a_plain_server(koboldcpp: FakeKoboldCpp) -> None:
    """Asked for HTTPS where plain HTTP is spoken, the error says so."""
    with pytest.raises(ServerRefused, match="HTTPS") as caught:
        Http(koboldcpp.url.replace("http:", "https:")).get(VERSION)
    assert "http://" in caught.value.hint


def test_http_to_a_tls_server() -> None:
    """Asked for plain HTTP where TLS is spoken, the error says so: an alert is no HTTP answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"\x15\x03\x01\x00\x02\x02\x46")

        served = pool.submit(answer)
        with pytest.raises(ServerRefused, match="wants HTTPS") as caught:
            Http(f"http://127.0.0.1:{listener.getsockname()[1]}").get(VERSION)
        served.result(5)
    assert "https://" in caught.value.hint


def test_a_server_that_hangs_up_on_http(koboldcpp: FakeKoboldCpp) -> None:
    """A server that closes every connection may expect HTTPS: the hint asks for it."""
    koboldcpp.plan[""] = faults.Closed()
    with pytest.raises(ServerUnknown) as caught:
        probe(Http(koboldcpp.url))
    assert "closed the connection" in caught.value.hint
    assert "https://" in caught.value.hint


def test_untrusted_certificate() -> None:
    """A certificate that nobody vouches for is named as the reason, with the remedy."""
    with responses.RequestsMock() as mock:
        failure = requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
        mock.add("GET", f"https://ocr.example{VERSION}", body=failure)
        with pytest.raises(ServerRefused, match="not trusted") as caught:
            Http("https://ocr.example").get(VERSION)
    assert "REQUESTS_CA_BUNDLE" in caught.value.hint


@pytest.mark.parametrize("base", ["https://ocr.example", "https://127.0.0.1:5001"])
def test_missing_certificate_file(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate file that does not exist is an error that names it and the variable."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nope/nothing.pem")
    with pytest.raises(ServerRefused, match=r"certificate of https://.*/nope/nothing\.pem") as caught:
        Http(base).get(VERSION)
    assert "REQUESTS_CA_BUNDLE" in caught.value.hint


@pytest.mark.parametrize("kind", [faults.Hang(), faults.Drip(0.05)], ids=repr)
def test_stop_ends_short_requests(kind: faults.Fault, koboldcpp: FakeKoboldCpp) -> None:
    """A stop ends a short request at once and refuses later ones; long requests are ended by their engine."""
    koboldcpp.plan[GENERATE] = kind
    stop = Stop()
    http = Http(koboldcpp.url, stop=stop)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(http.post, GENERATE, {"prompt": "x"}, quick=True)
        koboldcpp.wait_for(lambda: bool(koboldcpp.requests))
        began = time.monotonic()
        stop.request()
        try:
            with pytest.raises(Interrupted):
                asked.result(5)
            assert time.monotonic() - began < 1
        finally:
            koboldcpp.release()
    before = len(koboldcpp.requests)
    with pytest.raises(Interrupted):
        http.get(VERSION)
    assert len(koboldcpp.requests) == before
    assert http.post("/api/extra/tokencount", {"prompt": "x"}, connection=Connection()).status == 200


def test_http_keeps_no_state_between_requests(mocked: responses.RequestsMock) -> None:
    """One ``Http`` gets several different answers without keeping anything between requests."""
    mocked.add("GET", BASE + VERSION, status=503)
    mocked.add("GET", BASE + VERSION, status=401)
    mocked.add("GET", BASE + VERSION, json={"fine": True})
    http = Http(BASE, KEY)
    with pytest.raises(ServerBusy):
        http.get(VERSION)
    with pytest.raises(ServerRefused):
        http.get(VERSION)
    assert http.get(VERSION).data == {"fine": True}
