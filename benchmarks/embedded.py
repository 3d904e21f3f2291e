"""Pages a second of the embedded engine, from a PDF to a file, against its bare library and Debian's tesseract.

The library is called in a loop with one thread on pictures that are already there; tesseract reads the same pictures in
two processes of one thread, each with a list of half of them; visionocr draws, reads, puts in order and writes. All are
whole programs, with the loading of their models. tesseract is left out where it is not installed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import documents
from measured import measure
from visionocr.documents.discovery import discover
from visionocr.documents.source import Source
from visionocr.job import prepare
from visionocr.prompting.library import Library
from visionocr.settings import load_settings

LOCAL = "local:"
BARE = """
import sys
import faster_paddle
engine = faster_paddle.OcrEngine(model_size="tiny", threads=1)
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        engine.ocr(file.read())
"""


def rasters(document: Path, folder: Path) -> list[Path]:
    """The pictures that visionocr gives its engine, as files."""
    job = prepare(load_settings({"api_url": (LOCAL,), "local_model": "tiny"}), Library(), task="transcribe")
    job.close()
    paths = []
    with Source(discover([str(document)]), workers=0) as source:
        for page in source.pages():
            (image,) = source.load(page, job.plan.spec)
            paths.append(folder / f"{page.number:04}.img")
            paths[-1].write_bytes(image.data)
    return paths


def bare(pictures: list[Path]) -> float:
    """Seconds of the library in a loop."""
    begun = time.monotonic()
    subprocess.run([sys.executable, "-c", BARE, *map(str, pictures)], check=True)
    return time.monotonic() - begun


def tesseract(pictures: list[Path], folder: Path) -> float:
    """Seconds of two processes."""
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    begun = time.monotonic()
    running = []
    for number in range(2):
        half = folder / f"half{number}"
        half.write_text("\n".join(map(str, pictures[number::2])) + "\n")
        command = ["tesseract", str(half), str(folder / f"read{number}")]
        running.append(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))
    assert not any(process.wait() for process in running)
    return time.monotonic() - begun


def ours(document: Path, folder: Path, model: str) -> float:
    """Seconds of the whole command."""
    output = folder / f"{model}.md"
    ran = measure("pdf", str(document), "--api-url", LOCAL, "--local-model", model, "-q", "-o", str(output))
    assert ran.code == 0, ran
    return ran.seconds


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in ("library", "tesseract", "tiny", "lite")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        document = documents.born_digital(folder / "a.pdf", options.pages)
        pictures = rasters(document, folder)
        for _ in range(options.rounds):
            times["library"].append(bare(pictures))
            if shutil.which("tesseract"):
                times["tesseract"].append(tesseract(pictures, folder))
            for model in ("tiny", "lite"):
                times[model].append(ours(document, folder, model))
    rates = {name: options.pages / statistics.median(seconds) for name, seconds in times.items() if seconds}
    print(f"{options.pages} pages, medians of {options.rounds}, pages/s: ", end="")
    print(", ".join(f"{name} {rate:.2f}" for name, rate in rates.items()))
    promises = [("tiny", "library", 1.8), ("tiny", "tesseract", 0.95), ("lite", "tesseract", 3.5)]
    kept = []
    for one, other, least in promises:
        if other in rates:
            ratio = rates[one] / rates[other]
            kept.append(ratio >= least)
            print(f"{one} / {other} {ratio:.2f} (at least {least})")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
