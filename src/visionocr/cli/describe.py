"""``visionocr describe``: pictures become captions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from visionocr.choices import Existing
from visionocr.cli import caption_options, options
from visionocr.cli.outcome import reported
from visionocr.cli.read_options import ReadOptions
from visionocr.console import Console


@options.with_settings()
@options.with_reading("pages", "password_file", "figures", "describe_figures")
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
    keywords: caption_options.Keywords = False,
    alt: caption_options.Alt = False,
    for_: caption_options.ForDataSet = None,
    trigger: caption_options.Trigger = "",
    captions: caption_options.Captions = 1,
    banned: caption_options.Banned = "",
    required: caption_options.Required = "",
    *,
    typed: dict[str, Any],
    flags: dict[str, Any],
) -> None:
    """Describe pictures. Needs a server with a vision model."""
    from visionocr.cli.run import run  # late: --help must answer at once

    read = ReadOptions(
        files or [],
        "describe",
        "describe",
        flags,
        **typed,
        sidecar=sidecar,
        prefix=prefix,
        suffix=suffix,
        force=force,
        write=write,
        existing=existing,
        only_missing=only_missing,
        no_backup=no_backup,
    )
    with reported(Console(-1 if read.quiet else read.verbose), read.verbose):
        order = caption_options.make_order(
            keywords=keywords,
            alt=alt,
            data_set=for_,
            trigger=trigger,
            captions=captions,
            banned=banned,
            required=required,
        )
        read = caption_options.check_data_set(replace(read, order=order))
    run(read, formatter=caption_options.choose_formatter(read))
