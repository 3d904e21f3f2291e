"""Reads results back from the files that they were written to: Markdown, text, JSON and JSON Lines."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visionocr.errors import DocumentError
from visionocr.text import printable

SUFFIXES = (".md", ".txt", ".json", ".jsonl")
"""Of the files that hold results."""
LARGEST = 1 << 30
"""Bytes of a file of results."""
PAGE_COMMENT = re.compile(r'^<!-- visionocr ((?:[a-z]+="[^"\n]*" ?)+)-->(?=\r?$)', re.MULTILINE)
"""The comment before a page; see ``formats.page_comment``."""
FRONT_MATTER = re.compile(r"\A---\nsource: .*?\n---\n\n?", re.DOTALL)
"""What ``--front-matter`` writes at the head of a file; see ``front_matter``."""
_ATTRIBUTE = re.compile(r'([a-z]+)="([^"\n]*)"')


@dataclass(frozen=True, slots=True)
class SavedPage:
    """A page in a file of results."""

    number: int | None
    """1-based; ``None`` where the file does not say."""
    text: str
    status: str = ""
    document: str = ""
    findings: str = ""


def load_pages(path: Path) -> list[SavedPage]:
    """The pages of a file of results, in its order.

    A file without page comments has a page for each form feed. Raises ``DocumentError``.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise DocumentError(f"{printable(str(path))} is larger than {LARGEST:,} bytes")
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        hint = "give what visionocr wrote: Markdown, text or JSON"
        raise DocumentError(f"cannot read {printable(str(path))}: {reason}", hint) from None
    if path.suffix in {".json", ".jsonl"}:
        return list(_read_records(path, text))
    return split_pages(text)


def split_pages(text: str) -> list[SavedPage]:
    """The pages of Markdown or plain text."""
    text = FRONT_MATTER.sub("", text)
    comments = list(PAGE_COMMENT.finditer(text))
    if not comments:
        return [SavedPage(None, part.strip("\n")) for part in text.removesuffix("\f").split("\f")]
    pages = []
    for at, comment in enumerate(comments):
        end = comments[at + 1].start() if at + 1 < len(comments) else len(text)
        values = read_attributes(comment[1])
        number = values.get("page", "")
        body = text[comment.end() : end].strip("\n\f")
        pages.append(
            SavedPage(
                int(number) if number.isdecimal() else None,
                "" if values.get("status") in {"failed", "blank"} else body,
                values.get("status", ""),
                values.get("document", ""),
                values.get("findings", ""),
            )
        )
    return pages


def read_attributes(comment: str) -> dict[str, str]:
    """The attributes in a page comment, by name."""
    return {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(comment)}


def _read_records(path: Path, text: str) -> Iterator[SavedPage]:
    try:
        records: list[Any] = (
            json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.splitlines() if line]
        )
        for record in records:
            findings = "; ".join(finding["message"] for finding in record["findings"])
            yield SavedPage(record["page"], record["text"], record["status"], record["document"], findings)
    except (ValueError, LookupError, TypeError, RecursionError):
        raise DocumentError(
            f"{printable(str(path))} does not hold results of visionocr", "Give the output of -f json or -f jsonl."
        ) from None
