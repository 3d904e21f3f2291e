"""Damaged documents and wrong answers give a result or an error of ours, and nothing else."""

from __future__ import annotations

import hashlib
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import fuzz
from fakes.koboldcpp import FakeKoboldCpp
from visionocr.api import transcribe
from visionocr.engines.dialects.koboldcpp import parse_version

pytestmark = pytest.mark.skipif(os.name == "nt", reason="limits and signals of POSIX")

QUICK, ALL = 100, 1500
"""Cases in the fast test, and in the slow one."""


@pytest.mark.slow
def test_first_cases() -> None:
    """The first cases of each kind end in results and errors of ours, in time, without a traceback."""
    report = fuzz.fuzz(QUICK, seed=20)
    assert not report.failures, report
    assert report.cases == QUICK
    assert set(report.outcomes) == set(fuzz.KINDS)


@pytest.mark.slow
@pytest.mark.timeout(1200)  # two to three minutes on two free cores
@pytest.mark.parametrize("seed", [1])
def test_many_cases(seed: int) -> None:
    """Many more cases hold as well; enough of them get through the parsers, and enough do not, to mean something."""
    report = fuzz.fuzz(ALL, seed=seed)
    print(report)
    assert not report.failures, report
    for kind, outcomes in report.outcomes.items():
        good = outcomes["result"]
        assert outcomes.total() * 0.1 < good < outcomes.total() * 0.95, (kind, outcomes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("misdeed", "words"),
    [
        ("escape", "KeyError: 'nobody caught me'"),
        ("crash", "the process ended: Segmentation fault"),
        ("hang", "still at it after 2 s"),
        ("print", "wrote to standard output"),
        ("write", "left ['"),
        ("memory", "took 3"),
    ],
)
def test_the_fuzzer_detects_failures(misdeed: str, words: str) -> None:
    """The fuzzer detects each kind of failure, says how to repeat it, and continues with a fresh child."""
    patience, memory = 2.0 if misdeed == "hang" else fuzz.PATIENCE, 256 << 20
    report = fuzz.fuzz(2, seed=1, kinds=[misdeed, "gif"], jobs=1, patience=patience, memory=memory)
    (failure,) = report.failures
    assert words in failure.wrong
    assert f"--seed 1 --kind {misdeed} --only 0" in str(failure)
    assert report.outcomes["gif"].total() == 1


def test_cases_are_deterministic() -> None:
    """Kind, seed and number decide every byte of a case, in every process."""
    script = (
        "import fuzz, hashlib\n"
        "data = [fuzz.make_document(kind, 3, 5) for kind in dict.fromkeys(fuzz.KINDS) if kind != 'server']\n"
        "data += [fuzz._answers_preview(3, number) for number in range(5)]\n"
        "print(hashlib.sha256(b''.join(data)).hexdigest())\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    )
    data = [fuzz.make_document(kind, 3, 5) for kind in dict.fromkeys(fuzz.KINDS) if kind != "server"]
    data += [fuzz._answers_preview(3, number) for number in range(5)]
    assert ran.stdout.strip() == hashlib.sha256(b"".join(data)).hexdigest()


def test_a_case_can_be_saved_and_repeated() -> None:
    """The bytes of a case are kept in a file, and its command line runs it once more."""
    path = Path(fuzz.save("png", 1, 4))
    assert path.read_bytes() == fuzz.make_document("png", 1, 4)
    path.unlink()
    ran = subprocess.run(
        [sys.executable, fuzz.__file__, "--seed", "1", "--kind", "escape", "--only", "0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert "KeyError: 'nobody caught me'" in ran.stderr


@pytest.mark.parametrize("kind", dict.fromkeys(kind for kind in fuzz.KINDS if kind != "server"))
def test_samples_are_valid(kind: str) -> None:
    """The undamaged samples can be read; every sample has its own bytes, and there is more than one."""
    found = fuzz.samples(kind)
    assert len(set(found)) == len(found) > 1
    assert all(100 < len(sample) < 20_000 for sample in found)


def test_a_huge_version_text() -> None:
    """A server's version may be a text of any length."""
    assert isinstance(parse_version("1." + "9" * 5000), tuple)


def test_a_huge_context_number(koboldcpp: FakeKoboldCpp, make_pdf: Callable[..., Path]) -> None:
    """A server's context may be any number."""
    koboldcpp.context = 10**300
    assert list(transcribe([make_pdf()], api_url=koboldcpp.url, max_side=400))


@pytest.mark.slow
@pytest.mark.parametrize("character", ["\x9d", "\x90"])
def test_a_text_of_unfinished_control_strings(character: str) -> None:
    """A long answer that only begins device control strings is cleaned in seconds."""
    script = f"from visionocr.answers.clean import neutralise\nassert neutralise({character!r} * 200_000) == ''\n"
    subprocess.run([sys.executable, "-c", script], timeout=10, check=True)


def endless_continue() -> Iterator[bytes]:
    """Status 100 without end."""
    return itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


def slow_header() -> Iterator[bytes]:
    """A header without end, byte by byte."""
    yield b"HTTP/1.1 200 OK\r\nX: "
    for _ in itertools.count():
        yield b"y"
        time.sleep(0.1)


def slow_chunk() -> Iterator[bytes]:
    """The size of a chunk without end, byte by byte."""
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;"
    for _ in itertools.count():
        yield b"y"
        time.sleep(0.1)


def endless_trailer() -> Iterator[bytes]:
    """Trailers after the body without end."""
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    yield from itertools.repeat(b"X: y\r\n" * 1000)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["endless_continue", "slow_header", "slow_chunk", "endless_trailer"])
def test_short_requests_time_out(name: str) -> None:
    """However a server delays its answer, a short request to it ends with its time-out."""
    script = (
        "import fuzz, test_fuzz\n"
        "from visionocr.errors import VisionOcrError\n"
        "from visionocr.engines import http\n"
        "http.PROBE_TIMEOUT = http.BODY_TIMEOUT = http.CONNECT_TIMEOUT = 1.0\n"
        "wire = fuzz.CaseServer()\n"
        f"wire.script = lambda path: test_fuzz.{name}()\n"
        "try:\n    http.Http(wire.url).get('/x')\nexcept VisionOcrError as error:\n    print('ended', error)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parent, capture_output=True, text=True, timeout=6, check=True
    )
    assert "ended" in ran.stdout
