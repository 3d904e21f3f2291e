"""The earlier format of a state: JSON lines of results, and of the names of outputs, read once to take them over."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from visionocr.errors import OutputError
from visionocr.types import PageRef, PageResult

START = b'{"visionocr_journal"'
"""How a journal begins."""
LEDGER = ".visionocr.jsonl"
"""In an output folder: which file was written from which document, and for good ones what the document was then."""
_ODD = (ValueError, KeyError, TypeError, RecursionError)
"""What reading a line that makes no sense raises."""

OutputNote = tuple[str, str, int | None, int | None, str | None]
"""Name of an output and its document; for a good one the document's size, time of change and the job."""


def is_journal(path: Path) -> bool:
    """Whether a journal of the earlier format lies at *path*. Raises ``OSError``."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(START)) == START


def read_fingerprint(path: Path) -> dict[str, Any]:
    """What the results in a journal belong to. Raises ``OSError``, and ``OutputError`` when it cannot be told."""
    with path.open("rb") as file:
        try:
            return dict(json.loads(file.readline())["fingerprint"])
        except _ODD:
            raise OutputError(f"the journal {path} is damaged: its first line", "Move it away to begin anew.") from None


def read_results(path: Path) -> Iterator[PageResult]:
    """The results in a journal. Lines that make no sense are left out, and notes about files."""
    with path.open("rb") as file:
        for line in file:
            with contextlib.suppress(*_ODD):
                data = json.loads(line)
                page = PageRef(data["document"], data["page"], data["pages"], data["digest"])
                known = {name: value for name, value in data.items() if value is not None}
                yield msgspec.convert({**known, "page": msgspec.to_builtins(page)}, PageResult)


def read_ledger(path: Path) -> Iterator[OutputNote]:
    """The outputs in a ledger; later ones count. Raises ``OSError``."""
    with path.open("rb") as file:
        for line in file:
            with contextlib.suppress(*_ODD):
                entry = json.loads(line)
                values = entry["output"], entry["document"], *map(entry.get, ("size", "modified", "job"))
                yield msgspec.convert(values, OutputNote)
