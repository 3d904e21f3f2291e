"""A thousand pictures captioned in place by two servers, with kills at random moments and a full disk in between."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from fakes.koboldcpp import FakeKoboldCpp, page_text
from fakes.pictures import encode, picture
from metadata_files import read_frames
from setting_samples import UNCHECKED
from visionocr.metadata.picture import read_texts

pytest.importorskip("pyexiv2", reason="the extra [metadata] is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="limits and signals of POSIX")]

PICTURES = 1000
KILLS = 6
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")
FULL = 20_000
"""Bytes of the largest file that fits on the disk when it is full; the TIFFs are larger."""
PATIENCE = 150
"""Seconds for a whole run on a loaded machine."""


def start(folder: Path, urls: str, disk: int | None = None) -> subprocess.Popen[bytes]:
    """The command in a process of its own, where no file may become larger than *disk* bytes."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VISIONOCR_")}
    environment |= UNCHECKED | {"HOME": str(folder.parent), "XDG_CONFIG_HOME": str(folder.parent)}
    environment |= {"VISIONOCR_API_URL": urls, "VISIONOCR_RASTER_WORKERS": "1"}

    def fill() -> None:
        if disk is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (disk, disk))

    command = [sys.executable, "-m", "visionocr", "describe", "-r", str(folder), "--write", "xmp", "-q"]
    return subprocess.Popen(command, env=environment, preexec_fn=fill, stderr=subprocess.PIPE)


def kill_after(process: subprocess.Popen[bytes], servers: Sequence[FakeKoboldCpp], answers: int, more: float) -> None:
    """Kill *process* when the servers were asked so many times more, and then *more* seconds later."""

    def count() -> int:
        return sum(len(server.generated) for server in servers)

    until, deadline = count() + answers, time.monotonic() + PATIENCE
    while count() < until and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(more)
    process.kill()
    process.communicate()


def test_a_thousand_pictures_outlive_kills_and_a_full_disk(tmp_path: Path) -> None:
    """Every picture opens, has its pixels and one caption; no temporary file is left."""
    folder = tmp_path / "photos"
    folder.mkdir()
    before: dict[str, bytes] = {}
    for number in range(PICTURES):
        fmt = FORMATS[number % len(FORMATS)]
        name = f"{number}.{fmt.lower()}"
        before[name] = encode(picture(number, (160, 200)), fmt)
        (folder / name).write_bytes(before[name])
    seed = random.randrange(2**32)
    print("seed", seed)  # shown where the test fails
    chance = random.Random(seed)
    model = "Qwen2.5-VL-7B-Instruct-Q4_K_M"
    with FakeKoboldCpp(model=model) as one, FakeKoboldCpp(model=model) as other:
        servers, urls = (one, other), f"{one.url} {other.url}"
        for turn in range(KILLS):
            most = PICTURES // (2 * KILLS)
            kill_after(start(folder, urls), servers, chance.randint(1, most), chance.random() / 10)
            if turn == KILLS // 2:
                full = start(folder, urls, FULL)
                said = full.communicate(timeout=PATIENCE)[1]
                assert full.returncode == 6, said
                assert b"File too large" in said
        last = start(folder, urls)
        said = last.communicate(timeout=PATIENCE)[1]
        assert (last.returncode, said) == (0, b"")
    names = {path.name for path in folder.iterdir()}
    assert names == set(before) | {f"{name}_original" for name in before}
    for number, (name, data) in enumerate(before.items()):
        captioned = (folder / name).read_bytes()
        assert read_texts(captioned).description == page_text(number).strip()
        assert read_frames(captioned) == read_frames(data), name
        assert (folder / f"{name}_original").read_bytes() == data
