"""What is no scheduler, or has workers that are not like us, is refused with a clear sentence."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from visionocr.cluster import scheduler
from visionocr.cluster.scheduler import check_versions, connect
from visionocr.errors import ConfigurationError, ServerUnreachable
from visionocr.extras import install_command

OURS = {"visionocr": "1.2.3", "python": "3.11.7.final.0"}


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        ({"visionocr": "0.0.1"}, "the worker w has visionocr 0.0.1, here is 1.2.3"),
        ({"visionocr": None}, "the worker w has no visionocr"),
        ({"python": "3.12.7.final.0"}, "the worker w has python 3.12, here is 3.11"),
    ],
)
def test_other_versions_are_refused(theirs: dict[str, str | None], said: str) -> None:
    """With both versions in the message; the same ones pass, and so does another patch of Python."""
    check_versions("w", OURS, {**OURS, "python": "3.11.0.final.0"})
    with pytest.raises(ConfigurationError, match=said):
        check_versions("w", OURS, {**OURS, **theirs})


@pytest.mark.parametrize("address", ["local:0", "local:", "local:x", "local:9999", "scheduler:8786", "", "local:²"])
def test_wrong_addresses(address: str) -> None:
    """What cannot be the address of a cluster is refused before anything is started."""
    with pytest.raises(ConfigurationError, match="is no address"):
        connect(address)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says how to install it."""
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(ConfigurationError) as caught:
        connect("local:2")
    assert install_command("cluster") in caught.value.hint


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Something that can be connected to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.mark.parametrize("says", [None, b"", b"HTTP/1.1 400 Bad Request\r\n\r\n" * 100])
def test_what_is_no_scheduler(listener: socket.socket, says: bytes | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence, a closed connection or another language: said within the time, and no thread is left."""
    pytest.importorskip("distributed")
    monkeypatch.setattr(scheduler, "_CONNECT", 0.5)
    before = threading.active_count()
    if says is not None:

        def answer() -> None:
            connection, _ = listener.accept()
            connection.sendall(says)
            connection.close()

        answering = threading.Thread(target=answer)
        answering.start()
    address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    started = time.monotonic()
    with pytest.raises(ServerUnreachable, match=f"no Dask scheduler answers at {address}: "):
        connect(address)
    assert time.monotonic() - started < 5
    if says is not None:
        answering.join()
    assert threading.active_count() == before


def test_dask_is_loaded_when_it_is_needed() -> None:
    """The command and the API know of clusters without it."""
    code = "import sys, visionocr.api, visionocr.cluster.cluster; sys.exit('distributed' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
