"""``metadata.jsonl`` as the loader ``imagefolder`` of Hugging Face's datasets reads it.

The file stands beside or above its pictures; ``file_name`` is a picture's path from there, and all other columns are
free. Trainers call the caption ``text``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from visionocr.captions.lines import LineStyle
from visionocr.errors import OutputError
from visionocr.output.formats import Formatter
from visionocr.text import printable
from visionocr.types import PageResult, Status

NAME = "metadata.jsonl"
"""The only name under which the loader finds the file."""


class ImageFolder(Formatter):
    """A line for each picture that has a caption. Every line has the same columns."""

    suffix = ".jsonl"

    def __init__(self, folder: Path, style: LineStyle, *, keywords: bool = False, alt: bool = False) -> None:
        """*folder* is where the file stands. *keywords*, *alt*: these are columns, too."""
        self._folder = folder
        self._style = style
        self._keywords, self._alt = keywords, alt

    def page(self, result: PageResult) -> str:
        """The picture's line: ``text`` is a caption, or a list where there may be several."""
        if not has_caption(result):
            return ""
        lines = self._style.write_lines(result.text)
        row: dict[str, Any] = {"file_name": find_name(self._folder, result.page.document)}
        row |= {"text": lines if self._style.has_several else lines[0]}
        row |= {"keywords": list(result.keywords)} if self._keywords else {}
        row |= {"alt_text": result.alt_text} if self._alt else {}
        return json.dumps(row, ensure_ascii=False) + "\n"


def has_caption(result: PageResult) -> bool:
    """Whether the result is a caption for a data set: of several frames only the first one is."""
    return result.status not in {Status.FAILED, Status.BLANK} and bool(result.text) and result.page.number == 1


def find_name(folder: Path, picture: str) -> str:
    """The path of *picture* from *folder*. Raises ``OutputError`` for one that is not below it."""
    path = os.path.relpath(os.path.abspath(picture), os.path.abspath(folder))
    if path.split(os.sep)[0] in {os.pardir, os.curdir} or os.path.isabs(path):
        raise OutputError(
            f"{printable(picture)} is not below the folder of {NAME}",
            f"Put {NAME} beside the pictures or in a folder above them.",
        )
    return path.replace(os.sep, "/")
