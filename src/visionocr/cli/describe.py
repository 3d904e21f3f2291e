"""``visionocr describe``: pictures become captions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from visionocr.cli import options
from visionocr.cli.read_options import ReadOptions
from visionocr.cli.run import run


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
    read = ReadOptions(files or [], "describe", "describe", flags, **typed)
    run(replace(read, sidecar=sidecar, prefix=prefix, suffix=suffix, force=force))
