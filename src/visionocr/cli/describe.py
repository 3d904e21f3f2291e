"""``visionocr describe``: pictures become captions."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

from visionocr.cli import options
from visionocr.cli.run import ReadOptions, run
from visionocr.cli.sinks import is_document
from visionocr.errors import OutputError
from visionocr.output.writer import SidecarSink, sidecar_path


@options.with_settings()
@options.with_reading("pages", "password_file")
def describe(
    files: options.Files = None,
    sidecar: options.Sidecar = None,
    prefix: options.Prefix = "",
    suffix: options.Suffix = "",
    force: options.Force = False,
    *,
    typed: dict[str, Any],
    flags: dict[str, Any],
) -> None:
    """Describe pictures. Needs a server with a vision model."""
    what = ReadOptions(files or [], "image", "describe", flags, **typed, captions=True)
    if sidecar is None:
        given = {"--prefix": prefix, "--suffix": suffix, "--force": force}
        what.mistake = "".join(f"{name} needs --sidecar" for name, value in given.items() if value)
    else:
        what.caption_files = _Sidecars(sidecar, prefix, suffix, force)
        if what.output is not None:
            what.mistake = "--sidecar and --output exclude each other"
        elif "-" in what.files:
            what.mistake = "standard input has no place for a --sidecar"
    run(what)


class _Sidecars:
    """The ``CaptionFiles`` of ``--sidecar``. Pictures that differ in their ending only get names that hold it."""

    def __init__(self, ending: str, prefix: str, suffix: str, force: bool) -> None:
        self._ending = ending
        self._prefix, self._suffix = prefix, suffix
        self._force = force
        self._unusual: dict[str, Path] = {}
        """Paths that do not follow from the picture's alone; of the others none is kept, there may be very many."""
        self._taken: set[bytes] = set()
        """Short hashes of all paths."""

    def is_wanted(self, picture: str) -> bool:
        """See ``CaptionFiles.is_wanted``."""
        path = sidecar_path(Path(picture), self._ending)
        if _hash(path) in self._taken:
            path = self._unusual[picture] = Path(f"{picture}{path.suffix}")
        if is_document(path):
            raise OutputError(f"the caption of {picture} would overwrite {path}", "Choose another --sidecar ending.")
        self._taken.add(_hash(path))
        return self._force or not path.exists()

    def sink(self, report: Callable[[OutputError], None]) -> SidecarSink:
        """See ``CaptionFiles.sink``."""
        return SidecarSink(self._path, report, self._prefix, self._suffix)

    def _path(self, picture: str) -> Path:
        return self._unusual.get(picture) or sidecar_path(Path(picture), self._ending)


def _hash(path: Path) -> bytes:
    return blake2b(os.fsencode(path), digest_size=12).digest()
