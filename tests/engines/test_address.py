"""Addresses as users type them, and their base URLs."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionocr.engines.address import base_url, is_private
from visionocr.errors import UsageError

BASE = "http://localhost:5001"

GOOD = {
    "http://localhost:5001": BASE,
    "http://localhost:5001/": BASE,
    "http://localhost:5001//": BASE,
    "  http://localhost:5001\n": BASE,
    "http://localhost:5001/api": BASE,
    "http://localhost:5001/api/": BASE,
    "http://localhost:5001/api/v1": BASE,
    "http://localhost:5001/api/v1/": BASE,
    "http://localhost:5001/api/v1/generate": BASE,
    "http://localhost:5001/api/v1/generate/": BASE,
    "http://localhost:5001/api/latest": BASE,
    "http://localhost:5001/api/extra/": BASE,
    "http://localhost:5001/v1": BASE,
    "http://localhost:5001/v1/chat/completions": BASE,
    "http://localhost:5001/?theme=dark#chat": BASE,
    "HTTP://localhost:5001": BASE,
    "localhost:5001": BASE,
    "localhost:5001/api": BASE,
    "localhost": "http://localhost",
    "192.168.1.7:5001": "http://192.168.1.7:5001",
    "ocr-box:5001/": "http://ocr-box:5001",
    "https://ocr.example/": "https://ocr.example",
    "https://ocr.example/kobold": "https://ocr.example/kobold",
    "https://ocr.example/kobold/": "https://ocr.example/kobold",
    "https://ocr.example/kobold/api": "https://ocr.example/kobold",
    "https://ocr.example/kobold/api/v1/": "https://ocr.example/kobold",
    "https://ocr.example/apis": "https://ocr.example/apis",
    "https://ocr.example/myapi": "https://ocr.example/myapi",
    "https://ocr.example/@me/kobold": "https://ocr.example/@me/kobold",
    "ocr-box:5001/a//b": "http://ocr-box:5001/a//b",
    "http://[::1]:5001": "http://[::1]:5001",
    "http://[::1]:5001/api": "http://[::1]:5001",
    "[::1]:5001": "http://[::1]:5001",
    "[fe80::1]": "http://[fe80::1]",
}

RUBBISH = [
    "",
    " ",
    "http://",
    "https:///api",
    "http:/localhost:5001",
    "http://localhost:",
    "//localhost:5001",
    ":5001",
    "::1",
    "http://[::1",
    "http://::1]:5001",
    "http://[not-an-address]:5001",
    "http://localhost:0",
    "http://localhost:-1",
    "http://localhost:70000",
    "http://localhost:port",
    "ftp://localhost:5001",
    "file:///etc/passwd",
    "local host:5001",
    "http://localhost:5001/a b",
    "http://local\nhost:5001",
    "http://localhost\\x:5001",
    "http://ex\u2100mple:5001",
]

WITH_PASSWORD = [
    "http://me:hunter2@localhost:5001",
    "me:hunter2@localhost:5001",
    "http://hunter2@localhost:5001",
    "ftp://me:hunter2@localhost",
    "http://me:hunter2@",
    "http://me:hunter2@[::1",
    "http:///me:hunter2@localhost",
    "http:me:hunter2@localhost",
    "me:hunter2@localhost://",
    "http://me:hunter2@local host",
]


@pytest.mark.parametrize(("address", "base"), GOOD.items())
def test_address_forms(address: str, base: str) -> None:
    """Every usual form of an address gives the same base, and a prefix path is kept."""
    assert base_url(address) == base


@pytest.mark.parametrize("address", GOOD)
def test_normalization_is_idempotent(address: str) -> None:
    """Normalizing a base URL gives the same base URL."""
    assert base_url(base_url(address)) == base_url(address)


@pytest.mark.parametrize("address", RUBBISH)
def test_invalid_addresses(address: str) -> None:
    """What is no HTTP address is refused with the address itself and an example."""
    with pytest.raises(UsageError, match="is not an address") as caught:
        base_url(address)
    assert repr(address) in caught.value.message
    assert "http://localhost:5001" in caught.value.hint


@pytest.mark.parametrize("address", WITH_PASSWORD)
def test_credentials(address: str) -> None:
    """An address with a password is refused, broken or not, and the password is not repeated."""
    with pytest.raises(UsageError, match="user name or password") as caught:
        base_url(address)
    assert "hunter2" not in caught.value.message + caught.value.hint
    assert "VISIONOCR_API_KEY" in caught.value.hint


@given(
    st.text(alphabet=st.characters(max_codepoint=0x2FFF), max_size=30) | st.from_regex(r"https?://\S*", fullmatch=True)
)
def test_any_text(text: str) -> None:
    """Any text becomes an HTTP base without credentials, or is refused as a usage error."""
    try:
        base = base_url(text)
    except UsageError:
        return
    scheme, _, rest = base.partition("://")
    assert scheme in {"http", "https"}
    assert rest
    assert not base.endswith("/")
    assert "@" not in rest.partition("/")[0]


PRIVATE = [
    *("localhost", "LocalHost", "localhost.", "kobold.localhost", "127.0.0.1", "127.8.9.10", "127.1", "0x7f000001"),
    *("2130706433", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1", "::ffff:10.1.2.3", "10.1.2.3", "172.16.0.1"),
    *("172.31.255.255", "192.168.0.9", "169.254.1.1", "fd00::1", "fe80::1", socket.gethostname()),
]


@pytest.mark.parametrize("host", PRIVATE)
def test_private_hosts(host: str) -> None:
    """All names of this machine, and the addresses of private networks, are private."""
    assert is_private(host)


@pytest.mark.parametrize(
    "host",
    [
        "ocr.example",
        "8.8.8.8",
        "172.32.0.1",
        "193.168.0.1",
        "::ffff:8.8.8.8",
        "2606:4700::1111",
        "localhost.example",
        "",
    ],
)
def test_public_hosts(host: str) -> None:
    """All other hosts are public: a proxy may be needed."""
    assert not is_private(host)
