"""Names of output files in a folder: never outside of it, never twice, never over a file that is not ours.

The ledger in the folder remembers which file was written from which document, and for a document of which every page
is good also what the document was then. So a repeated run knows what is done without opening it.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import unicodedata
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

from visionocr.errors import OutputError
from visionocr.output.files import open_no_follow
from visionocr.types import FileSignature

LEDGER = ".visionocr.jsonl"
"""In an output folder: which file was written from which document, one JSON object a line."""
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


class OutputFolder:
    """A folder with one output file for each document. Makes the folder when it is not there.

    *job* stands for everything that an output depends on but its document: what another job wrote is not done.
    A folder may hold many files, so hashes stand for paths in memory.
    """

    def __init__(self, folder: Path, suffix: str, job: str = "") -> None:
        self.folder = folder
        self._suffix = suffix
        self._job = job
        self._taken: set[bytes] = set()
        self._numbers: dict[bytes, int] = {}
        """By stem: the next number to try for one more document of that name."""
        self._ours: dict[str, bytes] = {}
        """By name of an output: its document."""
        self._names: dict[bytes, str] = {}
        """By document: its last output."""
        self._made: dict[bytes, bytes] = {}
        """By document whose output is good: how it was, and for which job, when that was written."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._read_ledger()
        except (FileExistsError, NotADirectoryError):
            raise OutputError(f"{folder} is no folder", "Give the name of a file without a slash at its end.") from None
        except OSError as error:
            raise OutputError(f"cannot use the folder {folder}: {error.strerror}") from None

    def path_for(self, document: str) -> Path:
        """Where the output of *document* goes. The same document gets the same file again in a later run."""
        source = _hash(_identity(document))
        for name in itertools.chain(self._own(source), self._candidates(document)):
            # On many systems names that differ in case, or in how accents are written, are one file.
            key = _hash(unicodedata.normalize("NFC", name).casefold())
            if key in self._taken:
                continue
            path = self.folder / name
            if self._ours.get(name) == source or not os.path.lexists(path):
                self._taken.add(key)
                return path
        raise AssertionError("candidates do not end")

    def done(self, document: str, signature: FileSignature) -> bool:
        """Whether the output of *document* is there, good, written by the same job, and from a file with that stamp."""
        source = _hash(_identity(document))
        name = self._names.get(source, "")
        if self._made.get(source) != _made(signature, self._job) or self._ours.get(name) != source:
            return False
        return os.path.isfile(os.path.join(self.folder, name))

    def written(self, path: Path, document: str, signature: FileSignature | None = None) -> None:
        """Note that *path* was written from *document*; with a *stamp* when every page of it is good."""
        entry: dict[str, object] = {"output": path.name, "document": _identity(document)}
        if signature is not None:
            entry |= {"size": signature.size, "modified": signature.modified, "job": self._job}
        line = json.dumps(entry) + "\n"
        try:
            with open_no_follow(self.folder / LEDGER, "ab+") as ledger:
                size = ledger.seek(0, os.SEEK_END)
                ledger.seek(max(0, size - 1))
                torn = ledger.read() not in {b"", b"\n"}  # of a line that broke off only that line is lost
                ledger.write((b"\n" if torn else b"") + line.encode())
        except OSError as error:
            raise OutputError(f"cannot write {self.folder / LEDGER}: {error.strerror}") from None

    def _own(self, source: bytes) -> Iterator[str]:
        """The name that *source* got before, where it may still have it: a ledger can say anything."""
        name = self._names.get(source, "")
        if name.endswith(self._suffix) and safe_name(name) == name:
            yield name

    def _candidates(self, document: str) -> Iterator[str]:
        path = Path(document)
        stem = safe_name(path.stem)
        yield stem + self._suffix
        yield safe_name(path.name) + self._suffix
        if path.parent.name:
            yield safe_name(f"{path.parent.name}-{path.stem}") + self._suffix
        numbered = _hash(stem.casefold())
        while True:
            number = self._numbers[numbered] = self._numbers.get(numbered, 1) + 1
            yield f"{stem}-{number}{self._suffix}"

    def _read_ledger(self) -> None:
        try:
            lines = (self.folder / LEDGER).open("rb")
        except FileNotFoundError:
            return
        with lines:
            for line in lines:
                try:
                    entry = json.loads(line)
                    name, source = str(entry["output"]), _hash(str(entry["document"]))
                    self._ours[name], self._names[source] = source, name
                    self._made.pop(source, None)
                    if "job" in entry:
                        signature = FileSignature(int(entry["size"]), int(entry["modified"]))
                        self._made[source] = _made(signature, str(entry["job"]))
                except (ValueError, KeyError, TypeError, RecursionError):
                    continue  # a torn line costs one entry: that file counts as foreign and is left alone


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


def _made(signature: FileSignature, job: str) -> bytes:
    return _hash(f"{signature.size} {signature.modified} {job}")


def _hash(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "backslashreplace"), digest_size=16).digest()
