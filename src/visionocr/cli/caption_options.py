"""The options of ``describe`` that no other command has."""

from __future__ import annotations

from typing import Annotated

import typer

from visionocr.choices import Existing, MetadataPlace

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
