"""``visionocr describe``: pictures become captions."""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path
from typing import Any

from visionocr.cli import options
from visionocr.cli.run import Reading, run
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
    captions = None if sidecar is None else _Captions(sidecar, force)
    reading = Reading(files or [], "image", "describe", flags, **typed, captions=True)
    if captions is not None:
        reading.wanted = captions.wanted
        reading.sink = lambda settings: SidecarSink(captions.path, prefix, suffix)  # noqa: ARG005
    reading.mistake = _mistake(
        reading.files, sidecar, reading.output, {"--prefix": prefix, "--suffix": suffix, "--force": force}
    )
    run(reading)


def _mistake(files: list[str], sidecar: str | None, output: str | None, needs_sidecar: dict[str, Any]) -> str:
    """What does not make sense together."""
    if sidecar is None:
        return "".join(f"{name} needs --sidecar" for name, value in needs_sidecar.items() if value)
    if output is not None:
        return "--sidecar and --output exclude each other"
    return "standard input has no place for a --sidecar" if "-" in files else ""


class _Captions:
    """Names of caption files. Two pictures that differ in their ending only get names that hold the ending."""

    def __init__(self, ending: str, force: bool) -> None:
        self._ending = ending
        self._force = force
        self._unusual: dict[str, Path] = {}
        """Paths that do not follow from the picture's alone; of the others none is kept, there may be very many."""
        self._taken: set[bytes] = set()
        """Short hashes of all paths."""

    def wanted(self, picture: str) -> bool:
        """Whether the picture still needs its caption."""
        path = sidecar_path(Path(picture), self._ending)
        if _hash(path) in self._taken:
            path = self._unusual[picture] = Path(f"{picture}{path.suffix}")
        if is_document(path):
            raise OutputError(f"the caption of {picture} would overwrite {path}", "Choose another --sidecar ending.")
        self._taken.add(_hash(path))
        return self._force or not path.exists()

    def path(self, picture: str) -> Path:
        """Where the caption of *picture* goes."""
        return self._unusual.get(picture) or sidecar_path(Path(picture), self._ending)


def _hash(path: Path) -> bytes:
    return blake2b(os.fsencode(path), digest_size=12).digest()
