"""``visionocr pdf`` and ``visionocr image``: documents become text."""

from __future__ import annotations

from typing import Any

from visionocr.cli import options
from visionocr.cli.run import Reading, run


@options.with_settings()
def pdf(
    files: options.Files,
    pages: options.Pages = None,
    output: options.Output = None,
    recursive: options.Recursive = False,
    password_file: options.PasswordFile = None,
    journal: options.JournalFile = None,
    keep_journal: options.KeepJournal = False,
    redo: options.Redo = None,
    dry_run: options.DryRun = False,
    config: options.Config = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = 0,
    *,
    flags: dict[str, Any],
) -> None:
    """Transcribe PDF documents to Markdown."""
    run(
        Reading(
            files,
            "pdf",
            "transcribe",
            flags,
            pages=pages,
            recursive=recursive,
            output=output,
            password_file=password_file,
            config=config,
            journal=journal,
            keep_journal=keep_journal,
            redo=redo,
            dry_run=dry_run,
            quiet=quiet,
            verbose=verbose,
        )
    )


@options.with_settings()
def image(
    files: options.Files,
    pages: options.Pages = None,
    output: options.Output = None,
    recursive: options.Recursive = False,
    journal: options.JournalFile = None,
    keep_journal: options.KeepJournal = False,
    redo: options.Redo = None,
    dry_run: options.DryRun = False,
    config: options.Config = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = 0,
    *,
    flags: dict[str, Any],
) -> None:
    """Transcribe the text of images to Markdown."""
    run(
        Reading(
            files,
            "image",
            "transcribe",
            flags,
            pages=pages,
            recursive=recursive,
            output=output,
            config=config,
            journal=journal,
            keep_journal=keep_journal,
            redo=redo,
            dry_run=dry_run,
            quiet=quiet,
            verbose=verbose,
        )
    )
