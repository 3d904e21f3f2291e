"""``visionocr describe``: pictures become captions."""

from __future__ import annotations

from typing import Any

from visionocr.cli import options
from visionocr.cli.run import ReadOptions, run
from visionocr.cli.sidecars import Sidecars


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
    read = ReadOptions(files or [], "image", "describe", flags, **typed, captions=True)
    if sidecar is None:
        given = {"--prefix": prefix, "--suffix": suffix, "--force": force}
        read.mistake = "".join(f"{name} needs --sidecar" for name, value in given.items() if value)
    else:
        read.sidecars = Sidecars(sidecar, prefix, suffix, force)
        if read.output is not None:
            read.mistake = "--sidecar and --output exclude each other"
        elif "-" in read.files:
            read.mistake = "standard input has no place for a --sidecar"
    run(read)
