"""The options of ``describe`` about captions, keywords and data sets, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visionocr.captions.lines import LineStyle
from visionocr.captions.order import MOST_CAPTIONS, CaptionOrder
from visionocr.captions.word_rules import WordRules, parse_groups, parse_words
from visionocr.choices import DataSet, Existing, MetadataPlace
from visionocr.cli.read_options import ReadOptions
from visionocr.errors import UsageError

if TYPE_CHECKING:
    from visionocr.output.formats import Formatter

_PANEL = "Keywords and data sets"
Sidecar = Annotated[
    str | None,
    typer.Option(
        "--sidecar",
        metavar=".EXT",
        help="Write each caption beside its picture, to a file with this extension, such as .txt.",
        show_default=False,
    ),
]
Prefix = Annotated[
    str, typer.Option("--prefix", metavar="TEXT", help="Text before each sidecar caption.", show_default=False)
]
Suffix = Annotated[
    str, typer.Option("--suffix", metavar="TEXT", help="Text after each sidecar caption.", show_default=False)
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite existing sidecar files.")]
WriteMetadata = Annotated[
    MetadataPlace | None,
    typer.Option(
        "--write",
        metavar="xmp|sidecar",
        help="Write each caption where photo programs look for it: into its picture, or to an XMP file beside it.",
        show_default=False,
    ),
]
ExistingCaptions = Annotated[
    Existing,
    typer.Option("--existing", metavar="keep|replace|append", help="What becomes of captions that are there already."),
]
OnlyMissing = Annotated[
    bool, typer.Option("--only-missing", help="With --write: leave out pictures that have a description.")
]
NoBackup = Annotated[
    bool, typer.Option("--no-backup", help="With --write: do not keep the old picture as photo.jpg_original.")
]
Keywords = Annotated[
    bool, typer.Option("--keywords", help="Ask for keywords as well, at most 20.", rich_help_panel=_PANEL)
]
Alt = Annotated[
    bool,
    typer.Option(
        "--alt", help="Ask for an alternative text of at most 250 characters as well.", rich_help_panel=_PANEL
    ),
]
ForDataSet = Annotated[
    DataSet | None,
    typer.Option(
        "--for",
        metavar="kohya|imagefolder",
        help="Write what a training program reads: a file of tags beside each picture, or metadata.jsonl.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
Trigger = Annotated[
    str,
    typer.Option(
        "--trigger",
        metavar="WORD",
        help="Word that stands first in each caption of a data set.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
Captions = Annotated[
    int,
    typer.Option(
        "--captions",
        metavar="N",
        min=1,
        max=MOST_CAPTIONS,
        help="Different captions of each picture.",
        rich_help_panel=_PANEL,
    ),
]
Banned = Annotated[
    str,
    typer.Option(
        "--banned",
        metavar="WORD,...",
        help="Words that captions must not have; one that has is asked for again.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
Required = Annotated[
    str,
    typer.Option(
        "--required",
        metavar="WORD|WORD,...",
        help="Words that captions must have, with | between those of which one is enough.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]


def make_order(
    *,
    keywords: bool,
    alt: bool,
    captions: int,
    banned: str,
    required: str,
    data_set: DataSet | None = None,
    trigger: str = "",
) -> CaptionOrder:
    """What was asked for. Raises ``UsageError`` for lists without words, and for what contradicts itself."""
    words = WordRules(parse_words(banned), parse_groups(required))
    for name, text, found in (("--banned", banned, words.banned), ("--required", required, words.required)):
        if text and not found:
            raise UsageError(f"{name} {text!r} names no word")
    for word in words.banned:
        if any(all(WordRules((word,)).find_banned(other) for other in group) for group in words.required):
            raise UsageError(f"{word!r} is both banned and required")
    if not trigger.isprintable():
        raise UsageError("--trigger must be one line")
    if keywords and data_set is DataSet.KOHYA:
        raise UsageError("--for kohya asks for keywords already", "Leave out --keywords.")
    return CaptionOrder(keywords, alt, captions, words, data_set, " ".join(trigger.split()))


def check_data_set(options: ReadOptions) -> ReadOptions:
    """*options* with the sidecars that a data set needs. Raises ``UsageError`` where they do not suit it."""
    from visionocr.output.image_folder import NAME  # late: --help must answer at once

    order = options.order
    if order.trigger and order.data_set is None and options.sidecar is None:
        raise UsageError("--trigger needs --sidecar or --for")
    if options.force and options.existing is not Existing.KEEP:
        raise UsageError("--force and --existing exclude each other")
    if order.data_set is DataSet.KOHYA:
        if options.output is not None:
            raise UsageError("--for kohya writes files beside the pictures", "Leave out --output.")
        if options.write is not None:
            raise UsageError("--for kohya and --write exclude each other", "Run the command once for each.")
        if options.existing is Existing.APPEND and (options.prefix or options.suffix):
            raise UsageError("--prefix and --suffix would stand between tags", "Use --trigger.")
        options.sidecar = options.sidecar or ".txt"
    elif order.data_set is DataSet.IMAGEFOLDER:
        if options.sidecar is not None:
            raise UsageError(f"--for imagefolder writes {NAME} and no sidecars", "Leave out --sidecar.")
        if options.output is None or Path(options.output).name != NAME:
            raise UsageError(f"--for imagefolder needs --output FOLDER/{NAME}", "It is found only under this name.")
        if "-" in options.files:
            raise UsageError("standard input has no name for --for imagefolder")
        if options.flags.get("format"):
            raise UsageError("--for imagefolder has a format of its own", "Leave out --format.")
    return options


def choose_style(order: CaptionOrder) -> LineStyle:
    """How captions are written as lines."""
    return LineStyle(order.data_set, order.trigger, order.captions > 1)


def choose_formatter(options: ReadOptions) -> Callable[[], Formatter] | None:
    """What takes the place of the formats of the settings; ``None`` where those are meant."""
    from visionocr.output.image_folder import ImageFolder  # late: --help must answer at once

    order = options.order
    if order.data_set is not DataSet.IMAGEFOLDER or options.output is None:
        return None
    folder = Path(options.output).parent
    return partial(ImageFolder, folder, choose_style(order), keywords=order.keywords, alt=order.alt)
