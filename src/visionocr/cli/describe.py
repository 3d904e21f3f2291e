"""``visionocr describe``: pictures become captions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from visionocr.choices import Existing
from visionocr.cli import caption_options, options
from visionocr.cli.read_options import ReadOptions
from visionocr.cli.run import run


@options.with_settings()
@options.with_reading("pages", "password_file")
def describe(
    files: options.Files = None,
    sidecar: caption_options.Sidecar = None,
    prefix: caption_options.Prefix = "",
    suffix: caption_options.Suffix = "",
    force: caption_options.Force = False,
    write: caption_options.WriteMetadata = None,
    existing: caption_options.ExistingCaptions = Existing.KEEP,
    only_missing: caption_options.OnlyMissing = False,
    no_backup: caption_options.NoBackup = False,
    *,
    typed: dict[str, Any],
    flags: dict[str, Any],
) -> None:
    """Describe pictures. Needs a server with a vision model."""
    read = ReadOptions(files or [], "describe", "describe", flags, **typed)
    read = replace(read, sidecar=sidecar, prefix=prefix, suffix=suffix, force=force)
    run(replace(read, write=write, existing=existing, only_missing=only_missing, no_backup=no_backup))
