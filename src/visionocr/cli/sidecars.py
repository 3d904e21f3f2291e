"""``--sidecar``: a caption file beside each picture."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

from visionocr.cli.sinks import is_document
from visionocr.errors import OutputError
from visionocr.output.writer import SidecarSink, sidecar_path


class Sidecars:
    """Names of caption files. Pictures that differ in their ending only get names that hold the ending."""

    def __init__(self, ending: str, prefix: str, suffix: str, force: bool) -> None:
        self._ending = ending
        self._prefix, self._suffix = prefix, suffix
        self._force = force
        self._unusual: dict[str, Path] = {}
        """Paths that do not follow from the picture's alone; of the others none is kept, there may be very many."""
        self._taken: set[bytes] = set()
        """Short hashes of all paths."""

    def is_wanted(self, picture: str) -> bool:
        """Whether the picture at this path still needs its caption. Raises ``OutputError`` where a picture lies."""
        path = sidecar_path(Path(picture), self._ending)
        if _hash(path) in self._taken:
            path = self._unusual[picture] = Path(f"{picture}{path.suffix}")
        if is_document(path):
            raise OutputError(f"the caption of {picture} would overwrite {path}", "Choose another --sidecar ending.")
        self._taken.add(_hash(path))
        return self._force or not path.exists()

    def sink(self, report: Callable[[OutputError], None]) -> SidecarSink:
        """Where captions go. *report* hears of each that cannot be written."""
        return SidecarSink(self._path, report, self._prefix, self._suffix)

    def _path(self, picture: str) -> Path:
        return self._unusual.get(picture) or sidecar_path(Path(picture), self._ending)


def _hash(path: Path) -> bytes:
    return blake2b(os.fsencode(path), digest_size=12).digest()
