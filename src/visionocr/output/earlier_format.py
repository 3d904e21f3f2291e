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

FileNote = tuple[str, int, int, str, int]
"""Path, size, time of change, digest and number of pages of a file."""
OutputNote = tuple[str, str, int | None, int | None, str | None]
"""Name of an output and its document; for a good one the document's size, time of change and the job."""


def is_journal(path: Path) -> bool:
    """Whether a journal of the earlier format lies at *path*. Raises ``OSError``."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(START)) == START


def read_journal(path: Path) -> tuple[dict[str, Any], Iterator[PageResult | FileNote]]:
    """The fingerprint and the entries of a journal. Lines that make no sense are left out.

    Raises ``OSError``, and ``OutputError`` when it cannot be told what the results belong to.
    """
    with path.open("rb") as file:
        try:
            fingerprint = dict(json.loads(file.readline())["fingerprint"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise OutputError(f"the journal {path} is damaged: its first line", "Move it away to begin anew.") from None
    return fingerprint, _entries(path)


def _entries(path: Path) -> Iterator[PageResult | FileNote]:
    with path.open("rb") as file:
        next(file)
        for line in file:
            with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
                data = json.loads(line)
                if (note := data.get("note")) is not None:
                    yield msgspec.convert(
                        (note["path"], note["size"], note["modified"], note["digest"], note["pages"]), FileNote
                    )
                    continue
                page = PageRef(data["document"], data["page"], data["pages"], data["digest"])
                there = {name: value for name, value in data.items() if value is not None}
                yield msgspec.convert(there | {"page": msgspec.to_builtins(page)}, PageResult)


def read_ledger(path: Path) -> Iterator[OutputNote]:
    """The outputs in a ledger; later ones count. Raises ``OSError``."""
    with path.open("rb") as file:
        for line in file:
            with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
                entry = json.loads(line)
                values = entry["output"], entry["document"], *map(entry.get, ("size", "modified", "job"))
                yield msgspec.convert(values, OutputNote)
