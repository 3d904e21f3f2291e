"""Names of output files in a folder: never outside of it, never twice, never over a file that is not ours."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from visionocr.errors import OutputError
from visionocr.output.files import open_own

LEDGER = ".visionocr.jsonl"
"""In an output folder: which file was written from which document, one JSON object a line."""
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


class OutputFolder:
    """A folder with one output file for each document. Makes the folder when it is not there."""

    def __init__(self, folder: Path, suffix: str) -> None:
        self.folder = folder
        self._suffix = suffix
        self._taken: set[str] = set()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._ours = self._read_ledger()
        except (FileExistsError, NotADirectoryError):
            raise OutputError(f"{folder} is no folder", "Give the name of a file without a slash at its end.") from None
        except OSError as error:
            raise OutputError(f"cannot use the folder {folder}: {error.strerror}") from None

    def path_for(self, document: str) -> Path:
        """Where the output of *document* goes. The same document gets the same file again in a later run."""
        source = _identity(document)
        for name in self._candidates(document):
            # On many systems names that differ in case, or in how accents are written, are one file.
            key = unicodedata.normalize("NFC", name).casefold()
            if key in self._taken:
                continue
            path = self.folder / name
            if self._ours.get(name) == source or not os.path.lexists(path):
                self._taken.add(key)
                return path
        raise AssertionError("candidates do not end")

    def written(self, path: Path, document: str) -> None:
        """Note that *path* was written from *document*."""
        line = json.dumps({"output": path.name, "document": _identity(document)}) + "\n"
        try:
            with open_own(self.folder / LEDGER, "ab+") as ledger:
                size = ledger.seek(0, os.SEEK_END)
                ledger.seek(max(0, size - 1))
                torn = ledger.read() not in {b"", b"\n"}  # of a line that broke off only that line is lost
                ledger.write((b"\n" if torn else b"") + line.encode())
        except OSError as error:
            raise OutputError(f"cannot write {self.folder / LEDGER}: {error.strerror}") from None

    def _candidates(self, document: str) -> Iterator[str]:
        path = Path(document)
        stem = safe_name(path.stem)
        yield stem + self._suffix
        yield safe_name(path.name) + self._suffix
        if path.parent.name:
            yield safe_name(f"{path.parent.name}-{path.stem}") + self._suffix
        number = 2
        while True:
            yield f"{stem}-{number}{self._suffix}"
            number += 1

    def _read_ledger(self) -> dict[str, str]:
        ours: dict[str, str] = {}
        try:
            lines = (self.folder / LEDGER).read_text("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return ours
        for line in lines:
            try:
                entry = json.loads(line)
                ours[str(entry["output"])] = str(entry["document"])
            except (ValueError, KeyError, TypeError):
                continue  # a torn line costs one entry: that file counts as foreign and is left alone
        return ours


def safe_name(name: str) -> str:
    """*name* as a file name that is harmless on every system: no separators, no control characters, not hidden."""
    text = name.encode("utf-8", "replace").decode("utf-8")
    text = "".join(char if char.isprintable() and char not in '/\\:*?"<>|' else "_" for char in text)
    text = re.sub(r"^[.\-\s]+|[.\s]+$", "", text)
    while len(text.encode()) > 180:
        text = text[:-1]
    if not text or _RESERVED.fullmatch(text):
        return f"_{text}"
    return text


def _identity(document: str) -> str:
    return os.path.abspath(document).encode("utf-8", "backslashreplace").decode()
