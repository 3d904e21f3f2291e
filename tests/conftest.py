"""Fixtures for every test: no network but loopback, a fake server, documents."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes import pictures
from fakes.koboldcpp import FakeKoboldCpp
from real_llama import endless_llama_server, llama_server, tiny_pair  # noqa: F401 - fixtures
from setting_samples import UNCHECKED

# Tests start the program hundreds of times: it is compiled once, and not by each process.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: many tests wait for a process or a server."""
    return (os.cpu_count() or 1) + 1


def _is_loopback(host: object) -> bool:
    if host in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a test connect to loopback only; any other attempt fails it, even when the error was swallowed."""
    attempts: list[object] = []

    def guard(name: str, owner: Any, host_of: Callable[..., object]) -> None:
        original = getattr(owner, name)

        def guarded(*args: Any, **kwargs: Any) -> Any:
            host = host_of(*args)
            if _is_loopback(host):
                return original(*args, **kwargs)
            attempts.append(host)
            raise OSError(f"a test may not reach {host}")

        monkeypatch.setattr(owner, name, guarded)

    def address_host(_socket: object, address: object, *_: object) -> object:
        return address[0] if isinstance(address, tuple) else None

    guard("connect", socket.socket, address_host)
    guard("connect_ex", socket.socket, address_host)
    guard("getaddrinfo", socket, lambda host, *_: host)
    yield
    assert not attempts, f"the test tried to reach {attempts}"


@pytest.fixture
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hide the tester's configuration, change to an empty folder, and restore the signal handlers at the end."""
    for name in [name for name in os.environ if name.startswith("VISIONOCR_")]:
        monkeypatch.delenv(name)
    for name, value in UNCHECKED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def koboldcpp() -> Iterator[FakeKoboldCpp]:
    """A running server of the newest version."""
    with FakeKoboldCpp() as server:
        yield server


@pytest.fixture
def make_pdf(tmp_path: Path) -> Callable[..., Path]:
    """Write a PDF into the test's folder: ``make_pdf("a.pdf", pages=3)``; see ``fakes.pictures.make_pdf``."""

    def make(name: str = "document.pdf", pages: int = 1, **options: Any) -> Path:
        return pictures.make_pdf(tmp_path / name, pages, **options)

    return make
