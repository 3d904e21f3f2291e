"""``--sidecar``: a caption file beside each picture."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from visionocr.documents.kinds import HEAD, sniff
from visionocr.errors import OutputError, UsageError
from visionocr.output.files import AtomicFile, read_head, remove_leftovers
from visionocr.output.writer import Sink
from visionocr.types import PageResult, Status


class SidecarSink(Sink):
    """A caption file beside each picture: ``photo.jpg`` gets ``photo.txt``. One that cannot be written costs itself.

    Pictures that differ in their ending only get names that hold the ending.
    """

    def __init__(
        self,
        ending: str,
        report: Callable[[OutputError], None],
        *,
        prefix: str = "",
        suffix: str = "",
        force: bool = False,
    ) -> None:
        """*report* is called for each caption that cannot be written. *force*: write those that are there again."""
        self._ending = ending
        self._report = report
        self._prefix, self._suffix = prefix, suffix
        self._force = force
        self._unusual: dict[str, Path] = {}
        """Paths that do not follow from the picture's alone; of the others none is kept, there may be very many."""
        self._taken: set[int] = set()
        """Hashes of all paths."""
        self._failures = 0
        self._swept: set[Path] = set()

    def is_wanted(self, picture: str) -> bool:
        """Whether the picture at this path still needs its caption. Raises ``OutputError`` where a picture lies."""
        path = sidecar_path(Path(picture), self._ending)
        if hash(path) in self._taken:
            path = self._unusual[picture] = Path(f"{picture}{path.suffix}")
        if sniff(read_head(path, HEAD)) is not None:
            raise OutputError(f"the caption of {picture} would overwrite {path}", "Choose another --sidecar ending.")
        self._taken.add(hash(path))
        return self._force or not os.path.exists(path)

    def write(self, result: PageResult) -> None:
        """Write one caption; a picture without one gets no file. Only a first frame is captioned."""
        if result.status in {Status.FAILED, Status.BLANK} or result.page.number > 1:
            return
        picture = result.page.document
        path = self._unusual.get(picture) or sidecar_path(Path(picture), self._ending)
        if path.parent not in self._swept:
            self._swept.add(path.parent)
            remove_leftovers(path.parent)
        try:
            file = AtomicFile(path)
            try:
                file.write(f"{self._prefix}{' '.join(result.text.split())}{self._suffix}\n")
                file.commit()
            finally:
                file.discard()  # nothing is left to discard when all went well
        except OutputError as error:
            self._failures += 1
            self._report(error)

    def finish(self) -> None:
        """Raise ``OutputError`` when there are captions that could not be written."""
        if self._failures:
            count = "1 caption" if self._failures == 1 else f"{self._failures} captions"
            raise OutputError(f"{count} could not be written", "Repeat the command to describe those pictures again.")


def sidecar_path(picture: Path, ending: str) -> Path:
    """``photo.jpg`` + ``.txt`` = ``photo.txt``; without a dot as well. Raises ``UsageError`` for what is no ending."""
    ending = ending if ending.startswith(".") else f".{ending}"
    if len(ending) < 2 or not ending.isprintable() or any(char in ending for char in '/\\:*?"<>|'):
        raise UsageError(f"--sidecar {ending!r} is not an ending of file names", "Example: --sidecar .txt")
    path = picture.with_name(picture.stem + ending)
    if path == picture:
        raise UsageError(f"the caption of {picture} would overwrite the picture", "Choose another --sidecar ending.")
    return path
