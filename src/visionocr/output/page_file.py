"""Files of results whose pages can be replaced, while every other byte stays as it is.

Markdown and text with page comments, JSON, JSON Lines, captions of several pictures (``-f md``), and one caption alone
(``--sidecar``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from visionocr.errors import DocumentError, VisionOcrError
from visionocr.output.files import write_file
from visionocr.output.page_parts import FilePage, find_captions, find_pages, find_records, find_sidecar
from visionocr.output.saved import LARGEST
from visionocr.text import printable

_BOM = "\ufeff"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_COMMENT_START = re.compile(r"<!--\s*visionocr\b")


class TextRefused(VisionOcrError):
    """A text that would change where pages begin."""


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file of results and its pages, in its order."""

    path: Path
    text: str
    """Everything, as it stands there, behind the mark that some editors on Windows begin a file with."""
    pages: tuple[FilePage, ...]
    mark: str = ""
    """That mark, where there is one."""

    def replace(self, page: FilePage, text: str) -> None:
        """Give *page* another text, and the status of a page that a person checked.

        The new file appears at once, or not at all. Raises ``OutputError``.
        """
        end = page.begin + len(page.part)
        content = self.mark + self.text[: page.begin] + page.rewrite(text) + self.text[end:]
        write_file(self.path.resolve(), content)  # of a link, the file that it leads to


def read_page_file(path: Path, picture: str = "") -> PageFile:
    """The file at *path*. Raises ``DocumentError`` where it cannot be read, or does not tell its pages apart.

    *picture*: the name of the picture beside it whose caption it may be.
    """
    name = printable(str(path))
    try:
        if path.stat().st_size > LARGEST:
            raise DocumentError(f"{name} is larger than {LARGEST:,} bytes")
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        hint = "give what visionocr wrote: Markdown, text or JSON"
        raise DocumentError(f"cannot read {name}: {reason}", hint) from None
    mark = _BOM if text.startswith(_BOM) else ""
    text = text[len(mark) :]
    if path.suffix in {".json", ".jsonl"}:
        records = tuple(find_records(name, text))
        if not records:
            raise DocumentError(f"{name} holds no results")
        return PageFile(path, text, records, mark)
    pages = () if "\f" in text else tuple(find_pages(text, is_markdown=path.suffix != ".txt"))
    if not pages and "\f" not in text:
        pages = (find_sidecar(text, picture),) if picture else tuple(find_captions(text))
    if not pages:
        raise DocumentError(
            f"{name} does not show where its pages begin",
            "Write it as Markdown with --page-breaks comment, rule or heading, or as JSON Lines (-f jsonl).",
        )
    return PageFile(path, text, pages, mark)


def tidy(text: str) -> str:
    """*text* as it may stand in a file of results. Raises ``TextRefused`` where it has a page comment in it."""
    text = _CONTROL.sub("", text.replace("\r\n", "\n")).strip("\n")
    if _COMMENT_START.search(text):
        raise TextRefused(
            "the text has a page comment in it (<!-- visionocr …)", "Those tell the pages apart: take it out."
        )
    return text
