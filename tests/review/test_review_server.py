"""The server of the review page answers its page, and nobody else."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.pictures import make_pdf
from result_files import result, write_results
from review_client import Client, serving
from visionocr.errors import UsageError
from visionocr.review.server import LARGEST_BODY, ReviewServer, is_loopback
from visionocr.types import Status

TEXTS = ("one", "two")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a document and its results."""
    make_pdf(tmp_path / "a.pdf", 2)
    results = [result(1, "one"), result(2, "two", Status.SUSPECT)]
    write_results(tmp_path / "out.md", results)
    return tmp_path


@pytest.fixture
def client(folder: Path) -> Iterator[Client]:
    """A client of the server for these results."""
    with serving([folder / "out.md"]) as made:
        yield made


# --- who is answered ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "token", "headers", "status"),
    [
        ("pages", None, {}, 200),
        ("pages", None, {"Host": "localhost:PORT", "Origin": "http://localhost:PORT"}, 200),
        ("pages", "", {}, 403),
        ("pages", "x" * 32, {}, 403),
        ("/", None, {}, 403),
        ("/pages", None, {}, 403),
        ("/favicon.ico", None, {}, 403),
        ("pages", None, {"Host": "evil.example"}, 421),
        ("pages", None, {"Host": "evil.example:PORT"}, 421),
        ("pages", None, {"Host": "127.0.0.1:1"}, 421),
        ("pages", None, {"Host": "127.0.0.1.evil.example:PORT"}, 421),
        ("pages", None, {"Host": "10.0.0.1:PORT"}, 421),
        ("pages", None, {"Host": ""}, 421),
        ("pages", None, {"Origin": "http://evil.example"}, 403),
        ("pages", None, {"Origin": "null"}, 403),
        ("pages", None, {"Origin": "http://127.0.0.1:1"}, 403),
        ("pages", None, {"Origin": "https://127.0.0.1:PORT"}, 403),
        ("pages", None, {"Origin": "http://localhost:PORT"}, 403),
    ],
)
def test_only_the_page_itself_is_answered(
    client: Client, path: str, token: str | None, headers: dict[str, str], status: int
) -> None:
    """With the secret, under its own name, for its own requests: no guess, rebinding or forged request."""
    port = str(client.server.server_port)
    reply = client.ask(
        path,
        token=token,
        headers={name: value.replace("PORT", port) for name, value in headers.items()},
    )
    assert reply.status == status
    assert (client.server.token.encode() in reply.body) is False
    assert "Access-Control-Allow-Origin" not in reply.headers


@pytest.mark.parametrize(
    "path",
    [
        "pages/2",
        "pages/-1",
        "pages/%D9%A3",
        "pages/%30",
        "pages/1e0",
        "pages/99999999999999999999",
        "pages/../../../etc/passwd",
        "pages/0/../../out.md",
        "pages/0/etc",
        "../out.md",
        "..%2fout.md",
        "static/review.js",
        "out.md",
        "/etc/passwd",
        "//etc/passwd",
    ],
)
def test_nothing_is_addressed_by_path(client: Client, path: str) -> None:
    """Pages by number, five files by name, and nothing else."""
    assert client.ask(path).status in {403, 404}


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("PUT", "pages/0", {"text": "x", "mark": "y"}, {"Content-Type": "text/plain"}, 415),
        ("PUT", "pages/0", {"text": "x", "mark": "y"}, {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ("PUT", "pages/0", {"text": "x", "mark": "y"}, {"Origin": "http://evil.example"}, 403),
        ("PUT", "pages/0", {"text": "x", "mark": "y"}, {"Content-Length": str(LARGEST_BODY + 1)}, 413),
        ("PUT", "pages/0", {"text": "x", "mark": "y"}, {"Content-Length": "-1"}, 411),
        ("PUT", "pages/0", b"{", {}, 400),
        ("PUT", "pages/0", b"[" * 100_000, {}, 400),
        ("PUT", "pages/0", [], {}, 400),
        ("PUT", "pages/0", {"text": 1, "mark": "y"}, {}, 400),
        ("PUT", "pages/0", {"text": "x"}, {}, 400),
        ("PUT", "pages/0", {"text": "x", "mark": "wrong"}, {}, 409),
        ("PUT", "pages/7", {"text": "x", "mark": "y"}, {}, 404),
        ("PUT", "pages", {}, {}, 404),
        ("POST", "pages/0", {"text": "x", "mark": "y"}, {}, 404),
        ("POST", "done", {}, {"Content-Type": "text/plain"}, 415),
        ("POST", "pages/0/ask", {"max_side": "large"}, {}, 400),
        ("POST", "pages/0/ask", {"seed": True}, {}, 400),
        ("POST", "pages/0/ask", {"preset": "../../etc/passwd"}, {}, 400),
        ("DELETE", "pages/0", None, {}, 501),
        ("OPTIONS", "pages/0", None, {"Origin": "http://evil.example"}, 501),
    ],
)
def test_bad_requests_change_nothing(
    client: Client,
    folder: Path,
    method: str,
    path: str,
    body: object,
    headers: dict[str, str],
    status: int,
) -> None:
    """They are refused with a reason, and the file stays as it is."""
    before = (folder / "out.md").read_bytes()
    assert client.ask(path, method, body, headers=headers).status == status
    assert (folder / "out.md").read_bytes() == before
    assert client.ask("pages").status == 200


def test_every_answer_forbids_what_the_page_does_not_need(client: Client) -> None:
    """No script but its own, nothing from elsewhere, not in a frame, no address given away, no stored text."""
    for path in ("", "review.js", "pages", "pages/0/picture", "/", "pages/9"):
        headers = client.ask(path).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none';")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert ("no-store" in headers["Cache-Control"]) == (path != "pages/0/picture")


def test_the_secret_is_new_each_time(folder: Path) -> None:
    """And long enough not to be guessed."""
    tokens = set()
    for _ in range(3):
        with serving([folder / "out.md"]) as client:
            tokens.add(client.server.token)
    assert len(tokens) == 3
    assert all(len(token) >= 32 for token in tokens)


def test_dropped_connections_are_no_news(client: Client, capfd: pytest.CaptureFixture[str]) -> None:
    """Browsers drop requests all the time."""
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", client.server.server_port)) as connection:
            connection.sendall(f"GET /{client.server.token}/review.js HTTP/1.1\r\nHost: x".encode())
    assert client.ask("pages").status == 200
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("host", "names", "others"),
    [
        ("127.0.0.1", ["127.0.0.1", "localhost", "LOCALHOST"], ["[::1]", "10.1.2.3", "host.example"]),
        ("0.0.0.0", ["10.1.2.3", "[fe80::1]", "127.0.0.1"], ["host.example", "10.1.2.3.example"]),
    ],
)
def test_names_of_the_server(client: Client, host: str, names: list[str], others: list[str]) -> None:
    """Listening everywhere, any address is its own, and still no name that somebody could make lead there."""
    server = client.server
    server.host = host
    assert all(server.is_own_host(f"{name}:{server.server_port}") for name in names)
    assert not any(server.is_own_host(f"{name}:{server.server_port}") for name in others)


def test_only_loopback_needs_no_warning() -> None:
    """Every other address may be reached by other machines."""
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "example.org", "")))


def test_a_port_in_use_is_explained(client: Client) -> None:
    """One line instead of a traceback."""
    with pytest.raises(UsageError, match="cannot listen"):
        ReviewServer(client.server.desk, port=client.server.server_port)


# --- what is answered --------------------------------------------------------------------------------------


def test_pages_their_pictures_and_texts(client: Client) -> None:
    """Everything that the page needs to show a page of results."""
    listed = client.ask("pages").json
    assert [page["status"] for page in listed["pages"]] == ["ok", "suspect"]
    assert [client.ask(f"pages/{number}").json["text"] for number in range(2)] == ["one", "two"]
    assert client.ask("pages/1/picture").headers["Content-Type"] in {"image/jpeg", "image/png"}
    assert len(client.ask("pages/1/thumbnail").body) < len(client.ask("pages/1/picture").body)
    for name in ("", "review.css", "review.js", "grid.js", "picture.js", "server.js", "icon.svg"):
        assert client.ask(name).status == 200
    assert "transcribe" in client.ask("choices").json["tasks"]
    assert "<em>a</em>" in client.ask("preview", "POST", {"text": "*a*"}).json["html"]


def test_saving_and_conflict(client: Client, folder: Path) -> None:
    """The second of two browser windows gets 409 with the text of the first, and may then replace it."""
    mark = client.ask("pages/0").json["mark"]
    first = client.ask("pages/0", "PUT", {"text": "first", "mark": mark})
    assert (first.status, first.json["status"]) == (200, "checked")
    second = client.ask("pages/0", "PUT", {"text": "second", "mark": mark})
    assert (second.status, second.json["text"]) == (409, "first")
    assert "second" not in (folder / "out.md").read_text()
    third = client.ask("pages/0", "PUT", {"text": "second", "mark": second.json["mark"]})
    assert third.status == 200
    assert client.ask("pages/0").json["text"] == "second"
    refused = client.ask("pages/0", "PUT", {"text": "<!-- visionocr x -->", "mark": third.json["mark"]})
    assert refused.status == 422
    assert refused.json["error"]


def test_a_document_that_is_gone_leaves_the_text(client: Client, folder: Path) -> None:
    """The page says so; text can be corrected all the same."""
    (folder / "a.pdf").unlink()
    assert client.ask("pages/0/picture").status == 404
    page = client.ask("pages/0").json
    assert page["text"] == "one"
    found = client.ask("pages/0/places", "POST", {"text": "one"}).json
    assert "--document" in found["problem"]
    assert client.ask("pages/0", "PUT", {"text": "new", "mark": page["mark"]}).status == 200


def test_done_ends_the_server(folder: Path) -> None:
    """After its answer has arrived."""
    with serving([folder / "out.md"]) as client:
        assert client.ask("done", "POST", {}).status == 200
