"""``visionocr pdf`` and ``visionocr image``: documents become text."""

from __future__ import annotations

from typing import Any

from visionocr.cli import options
from visionocr.cli.read_options import ReadOptions


@options.with_settings()
@options.with_reading()
def pdf(
    files: options.Files = None,
    *,
    typed: dict[str, Any],
    flags: dict[str, Any],
) -> None:
    """Transcribe PDF documents to Markdown."""
    from visionocr.cli.run import run  # late: --help must answer at once

    run(ReadOptions(files or [], "pdf", "transcribe", flags, **typed))


@options.with_settings()
@options.with_reading("password_file")
def image(
    files: options.Files = None,
    *,
    typed: dict[str, Any],
    flags: dict[str, Any],
) -> None:
    """Transcribe the text of images to Markdown."""
    from visionocr.cli.run import run  # late: --help must answer at once

    run(ReadOptions(files or [], "image", "transcribe", flags, **typed))
