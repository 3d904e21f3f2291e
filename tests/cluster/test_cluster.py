"""Real Dask workers: the output of one machine, whoever dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes.koboldcpp import FakeKoboldCpp, page_text
from fakes.pictures import make_image
from fakes.pictures import make_pdf as pdf_file
from states import read_state

pytest.importorskip("distributed")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")]

MODEL = "Qwen2.5-VL-7B-Instruct-Q4_K_M"
PATIENCE = 120
"""Seconds after which a process that should have ended is a failure."""

IN_FLIGHT = 4
"""Requests that run or wait: two for each of two workers with one slot."""

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def server() -> Iterator[FakeKoboldCpp]:
    """A server with a known model."""
    with FakeKoboldCpp(model=MODEL) as fake:
        yield fake


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment without anybody's configuration; small pictures are quick."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VISIONOCR_")}
    tests = str(Path(__file__).parent.parent)
    return {**kept, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "PYTHONPATH": tests}


@pytest.fixture
def start(tmp_path: Path, environment: dict[str, str]) -> Iterator[Start]:
    """Start a process in a group of its own, as a terminal does; what is left of it is killed."""
    processes: list[subprocess.Popen[bytes]] = []

    def start_it(*command: str, **variables: str) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        own = {"cwd": tmp_path, "env": {**environment, **variables}, "start_new_session": True}
        process = subprocess.Popen([sys.executable, "-m", *command], stdin=pipe, stdout=pipe, stderr=pipe, **own)  # type: ignore[call-overload]
        processes.append(process)
        return process  # type: ignore[no-any-return]

    yield start_it
    for process in processes:
        try:
            process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@pytest.fixture
def cluster(start: Start) -> Callable[..., tuple[str, list[int]]]:
    """Start a cluster: its address, and the process ids of its workers."""

    def start_it(workers: int, preload: str = "", **variables: str) -> tuple[str, list[int]]:
        process = start("fakes.dask_cluster", str(workers), preload, **variables)
        assert process.stdout is not None
        lines = [process.stdout.readline().decode().strip() for _ in range(workers + 1)]
        return lines[0], [int(line) for line in lines[1:]]

    return start_it


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out.decode(), err.decode()


def read(start: Start, server: FakeKoboldCpp, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
    """Start ``visionocr pdf``."""
    return start("visionocr", "pdf", *arguments, "--api-url", server.url, "--max-side", "500", **variables)


def pages(text: str) -> list[dict[str, Any]]:
    """JSON Lines without what differs from run to run."""
    return [{**json.loads(line), "seconds": 0} for line in text.splitlines()]


def alive(group: int) -> list[str]:
    """The processes of a group that are no mere entries in a table."""
    table = subprocess.run(["ps", "-eo", "pgid=,stat=,cmd="], capture_output=True, check=True).stdout.decode()
    rows = [line.split(None, 2) for line in table.splitlines()]
    return [row[-1] for row in rows if row[0] == str(group) and not row[1].startswith("Z")]


@pytest.mark.parametrize("options", [[], ["--batch", "3"], ["--pages", "2-9"]])
def test_the_output_of_one_machine(start: Start, server: FakeKoboldCpp, tmp_path: Path, options: list[str]) -> None:
    """Long and short, encrypted, absent, from a pipe: every page, message and number is as without a cluster."""
    pdf_file(tmp_path / "long.pdf", 21)
    pdf_file(tmp_path / "locked.pdf", 2, numbers=[31, 32], password="sesame")
    make_image(tmp_path / "photo.png", 41)
    (tmp_path / "passwords").write_text("wrong\nsesame\n")
    piped = pdf_file(tmp_path / "piped.pdf", 2, numbers=[51, 52]).read_bytes()
    files = ["long.pdf", "locked.pdf", "absent.pdf", "-", "photo.png", "--password-file", "passwords", "-f", "jsonl"]
    results = []
    for more in ([], ["--cluster", "local:2"]):
        process = read(start, server, *files, *options, *more, "-q")
        out, err = process.communicate(piped, timeout=PATIENCE)
        results.append((process.returncode, pages(out.decode()), sorted(err.decode().splitlines())))
    assert results[0] == results[1]
    assert results[0][0] == 4
    assert len(results[0][1]) >= 10


def test_a_killed_worker_costs_nothing(
    start: Start, cluster: Callable[..., tuple[str, list[int]]], tmp_path: Path
) -> None:
    """Its pages are read by the others, in their places, and none is lost."""
    pdf_file(tmp_path / "a.pdf", 60)
    with FakeKoboldCpp(model=MODEL, service_seconds=0.05) as server:
        address, pids = cluster(2)
        process = read(start, server, "a.pdf", "-f", "txt", "-q", "--cluster", address)
        server.wait_for(lambda: sum(server.asked.values()) > 12, 60)
        os.kill(pids[0], signal.SIGKILL)
        code, out, err = ended(process)
        # What it had read and nobody had fetched yet is asked for again, too.
        assert sum(server.asked.values()) <= 60 + 2 * IN_FLIGHT
    assert (code, err) == (0, "")
    assert out == "\n\f".join(map(page_text, range(1, 61))) + "\n"


POISON = """
import os
from visionocr.cluster import worker
def deadly(self, page, spec, load=worker._Documents.load):
    if page.number == 7:
        os._exit(11)
    return load(self, page, spec)
worker._Documents.load = deadly
"""


def test_a_poisonous_page_costs_two_workers(
    start: Start, server: FakeKoboldCpp, cluster: Callable[..., tuple[str, list[int]]], tmp_path: Path
) -> None:
    """A page that kills whoever draws it is marked; every other page is good."""
    pdf_file(tmp_path / "a.pdf", 20)
    address, _ = cluster(2, POISON)
    code, out, err = ended(read(start, server, "a.pdf", "-f", "jsonl", "--cluster", address))
    results = [json.loads(line) for line in out.splitlines()]
    assert code == 7, err
    assert [result["page"] for result in results] == list(range(1, 21))
    assert [result["page"] for result in results if result["status"] != "ok"] == [7]
    assert results[6]["findings"][0]["message"] == "given up: two workers died over it"
    assert "Traceback" not in err


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_stopping_leaves_nothing(start: Start, tmp_path: Path, how: signal.Signals) -> None:
    """No process, no request that runs, no words but ours; what was read is in the journal."""
    pdf_file(tmp_path / "a.pdf", 60)
    with FakeKoboldCpp(model=MODEL, service_seconds=0.3) as server:
        process = read(start, server, "a.pdf", "-o", "a.md", "--cluster", "local:2")
        server.wait_for(lambda: sum(server.asked.values()) > 10, 60)
        os.killpg(process.pid, how) if how is signal.SIGINT else process.send_signal(how)
        code, _, err = ended(process)
        server.wait_for(lambda: server.running is None and not server.waiting)
        asked = dict(server.asked)
        until = time.monotonic() + 10
        while (left := alive(process.pid)) and time.monotonic() < until:
            """What was told to end needs a moment."""
        assert not left
        assert server.asked == asked
        assert not server.keyless_aborts
    assert code == 130
    assert "Traceback" not in err
    assert err.splitlines()[-1] == "stopped"
    assert len(read_state(tmp_path / "a.md.journal")) >= sum(asked.values()) - IN_FLIGHT


def test_a_killed_command_leaves_no_work(
    start: Start, cluster: Callable[..., tuple[str, list[int]]], tmp_path: Path
) -> None:
    """Workers notice that nobody waits for their pages any more, and stop what runs on the server."""
    pdf_file(tmp_path / "a.pdf", 60)
    with FakeKoboldCpp(model=MODEL, service_seconds=60.0) as server:
        address, _ = cluster(1)
        process = read(start, server, "a.pdf", "--cluster", address)
        server.wait_for(lambda: any(server.asked.values()), 60)
        process.kill()
        process.communicate()
        server.wait_for(lambda: server.running is None and not server.waiting and server.abort_keys != [], 55)
        assert sum(server.asked.values()) < 9


def test_other_versions_are_refused(
    start: Start, server: FakeKoboldCpp, cluster: Callable[..., tuple[str, list[int]]], tmp_path: Path
) -> None:
    """One clear line, and nothing is read."""
    pdf_file(tmp_path / "a.pdf", 2)
    address, _ = cluster(1, "from distributed import versions; versions._version_cached = lambda package: '0.0.1'")
    code, out, err = ended(read(start, server, "a.pdf", "--cluster", address))
    assert (code, out) == (3, "")
    assert "has visionocr 0.0.1, here is" in err
    assert "Traceback" not in err


ELSEWHERE = """
import sys
from visionocr.cluster import worker
def elsewhere(self, page, place, open=worker._Documents.open):
    return open(self, page, worker.Place(sys.executable if page.pages == 1 else "/nowhere", place.password))
worker._Documents.open = elsewhere
"""


def test_documents_are_sent_where_they_are_not(
    start: Start, server: FakeKoboldCpp, cluster: Callable[..., tuple[str, list[int]]], tmp_path: Path
) -> None:
    """A worker that finds no file, or another one under that name, gets the bytes."""
    pdf_file(tmp_path / "a.pdf", 9)
    make_image(tmp_path / "b.png", 41)
    address, _ = cluster(2, ELSEWHERE)
    code, out, err = ended(read(start, server, "a.pdf", "b.png", "-f", "txt", "-q", "--cluster", address))
    assert (code, err) == (0, "")
    assert out == "\n\f".join(map(page_text, [*range(1, 10), 41])) + "\n"


def test_keys_go_where_they_belong(
    start: Start, server: FakeKoboldCpp, cluster: Callable[..., tuple[str, list[int]]], tmp_path: Path
) -> None:
    """The key reaches workers that need it; a worker with a server of its own never gives it another's key."""
    pdf_file(tmp_path / "a.pdf", 5)
    key = "k3y-nobody-may-see"
    with FakeKoboldCpp(model=MODEL, password=key) as locked:
        address, _ = cluster(1)
        code, out, err = ended(read(start, locked, "a.pdf", "-vv", "--cluster", address, VISIONOCR_API_KEY=key))
        assert code == 0, err
        assert key not in out + err
    address, _ = cluster(1, VISIONOCR_API_URL=server.url)
    command = ("visionocr", "pdf", "a.pdf", "--api-url", "http://127.0.0.1:9", "--cluster", address)
    code, out, err = ended(start(*command, VISIONOCR_API_KEY=key))
    assert code == 0, err
    assert sum(server.asked.values()) >= 5
    assert not any(key in str(request.headers) for request in server.requests)


def test_other_models(
    start: Start, server: FakeKoboldCpp, cluster: Callable[..., tuple[str, list[int]]], tmp_path: Path
) -> None:
    """A worker with another model than the first is told about, and refused when it must be exact."""
    pdf_file(tmp_path / "a.pdf", 9)
    with FakeKoboldCpp(model="gemma-3-4b-it") as other:
        choose = f"import os\nfrom distributed import get_worker\nos.environ['VISIONOCR_API_URL'] = '{server.url}'\n"
        choose += "def dask_setup(worker):\n    if str(worker.name) == '1':\n"
        choose += f"        os.environ['VISIONOCR_API_URL'] = '{other.url}'\n"
        address, _ = cluster(2, choose)
        code, _, err = ended(start("visionocr", "pdf", "a.pdf", "--cluster", address))
        assert code == 0, err
        assert "warning: the model of tcp://" in err
        code, _, err = ended(start("visionocr", "pdf", "a.pdf", "--cluster", address, "--strict"))
        assert code == 3, err


def test_no_scheduler(start: Start, server: FakeKoboldCpp, tmp_path: Path) -> None:
    """It is said which address did not answer."""
    pdf_file(tmp_path / "a.pdf")
    code, _, err = ended(read(start, server, "a.pdf", "--cluster", "tcp://127.0.0.1:9"))
    assert code == 5
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in err
    assert "Traceback" not in err
