"""``visionocr watch``: every document that appears in a folder is read."""

from __future__ import annotations

import os
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from visionocr.cli import caption_options, options
from visionocr.cli.outcome import current_stop, reported
from visionocr.cli.read_options import ReadOptions
from visionocr.console import Console
from visionocr.errors import ExitCode, UsageError
from visionocr.settings import FIELDS
from visionocr.types import Notice

Inboxes = Annotated[list[str] | None, typer.Argument(metavar="INBOX", help="Folders to watch.", show_default=False)]
_PANEL = "Watching"


class Pictures(StrEnum):
    """What is done with pictures: the names of the commands that do it."""

    IMAGE = "image"
    DESCRIBE = "describe"


PicturesOption = Annotated[
    Pictures,
    typer.Option(
        "--pictures",
        metavar="image|describe",
        help="Transcribe pictures, or caption them; --task, --prompt and --system are for the captions then.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
Done = Annotated[
    Path | None,
    typer.Option(
        "--done",
        metavar="DIR",
        help="Move documents that were read to DIR.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
Failed = Annotated[
    Path | None,
    typer.Option(
        "--failed",
        metavar="DIR",
        help="Move documents that could not be read to DIR.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
Log = Annotated[
    Path | None,
    typer.Option(
        "--log",
        metavar="FILE",
        help="Append a line of JSON to FILE for each document.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
Once = Annotated[bool, typer.Option("--once", help="Read what is there, then end: for cron.", rich_help_panel=_PANEL)]
Interval = Annotated[
    float,
    typer.Option(
        "--interval",
        metavar="SECONDS",
        min=0.01,
        help="Seconds between looks into the folders (default 2).",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
Settle = Annotated[
    float,
    typer.Option(
        "--settle",
        metavar="SECONDS",
        min=0,
        help="Seconds that a file must not have changed to be complete (default 5).",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
Tries = Annotated[
    int,
    typer.Option(
        "--tries",
        metavar="N",
        min=1,
        help="How often a document is tried before it is set aside (default 4).",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
RetryWait = Annotated[
    float,
    typer.Option(
        "--retry-wait",
        metavar="SECONDS",
        min=0,
        help="Seconds before the second try; each further wait is four times as long (default 30).",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
_WITHOUT = (
    *("files_from", "pages", "journal", "keep_journal", "redo", "report", "dry_run", "probe_pages"),
    *("figures", "describe_figures"),
)
"""Options of the reading commands that are not for files that come one by one."""


@options.with_settings(*(name for name in FIELDS if name != "cluster"))
@options.with_reading(*_WITHOUT)
def watch(
    inboxes: Inboxes = None,
    pictures: PicturesOption = Pictures.IMAGE,
    done: Done = None,
    failed: Failed = None,
    log: Log = None,
    once: Once = False,
    interval: Interval = 2.0,
    settle: Settle = 5.0,
    tries: Tries = 4,
    retry_wait: RetryWait = 30.0,
    keywords: caption_options.Keywords = False,
    alt: caption_options.Alt = False,
    captions: caption_options.Captions = 1,
    banned: caption_options.Banned = "",
    required: caption_options.Required = "",
    *,
    typed: dict[str, Any],
    flags: dict[str, Any],
) -> None:
    """Read every document that appears in a folder.

    PDFs are read as by pdf, pictures as by image or describe. Ctrl-C or SIGTERM ends it; the same command goes on.
    """
    from visionocr.cli.outputs import check_outputs
    from visionocr.cli.watch_round import Places
    from visionocr.cli.watcher import Plan, Watcher
    from visionocr.watching.inbox import Inbox

    # A folder that is named twice is watched once, under its first name.
    inboxes = list({os.path.realpath(inbox): inbox for inbox in reversed(inboxes or [])}.values())[::-1]
    read = ReadOptions(inboxes, "watch", "transcribe", flags, **typed, redo="failed", by_content=done is not None)
    console = Console(-1 if read.quiet else read.verbose)
    with reported(console, read.verbose):
        folders = [folder for folder in (read.folder, done, failed) if folder is not None]
        _check(read, folders)
        settings = options.settings_from(flags, read.config)
        if warning := options.check_key_file(settings):
            console(Notice(warning, warning=True))
        order = caption_options.make_order(
            keywords=keywords, alt=alt, captions=captions, banned=banned, required=required
        )
        if not order.is_plain and pictures is not Pictures.DESCRIBE:
            raise UsageError("there are no captions to ask for", "Give --pictures describe.")
        read = replace(read, order=order)
        check_outputs(read, settings)
        if settings.cluster is not None:
            raise UsageError("documents are not watched for on a cluster", "Leave out the setting cluster.")
        inbox = Inbox(
            read.files,
            recursive=read.recursive,
            excluded={os.path.realpath(folder) for folder in folders},
            settle=settle,
            tries=tries,
            retry_wait=retry_wait,
        )
        plan = Plan(read, settings, describes=pictures is Pictures.DESCRIBE, places=Places(done, failed), log=log)
        code = Watcher(inbox, plan, console, current_stop.get()).run(interval, once=once)
        if code is not ExitCode.OK:
            raise typer.Exit(code)


def _check(read: ReadOptions, folders: list[Path]) -> None:
    """Raise ``UsageError`` for folders that are missing, or that would feed themselves."""
    if not read.files:
        raise UsageError("missing argument 'INBOX'", "See: visionocr watch --help")
    if read.folder is None:
        raise UsageError("watch writes into a folder", "Give --output DIR/ with a slash at its end.")
    inboxes = {os.path.realpath(inbox): inbox for inbox in read.files}
    for real, inbox in inboxes.items():
        if not os.path.isdir(real):
            raise UsageError(f"there is no folder {inbox}", "Create it first; files in it are read when they appear.")
    for folder in folders:
        if inbox := inboxes.get(os.path.realpath(folder), ""):
            raise UsageError(f"{folder} is the folder that is watched", f"Give a folder beside or below {inbox}.")
    read.check_files()
