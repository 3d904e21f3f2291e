"""The options of the commands that read documents, and the paths that follow from them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from visionocr.captions.order import CaptionOrder
from visionocr.choices import Existing, MetadataPlace
from visionocr.cli.options import config_folder
from visionocr.documents.kinds import HEAD, sniff
from visionocr.documents.selection import PageSelection
from visionocr.errors import OutputError, UsageError
from visionocr.output.files import is_stream, read_head
from visionocr.settings import CONFIG_NAME

_ANOTHER_NAME = "Choose another name."


@dataclass
class ReadOptions:
    """What was typed for ``pdf``, ``image``, ``describe`` or ``extract``."""

    files: list[str]
    command: str
    task: str
    """The task unless the settings name another."""
    flags: dict[str, Any] = field(repr=False)  # the key may be among them
    files_from: str | None = None
    pages: str | None = None
    recursive: bool = False
    output: str | None = None
    password_file: Path | None = None
    journal: Path | None = None
    keep_journal: bool = False
    redo: str | None = None
    report: Path | None = None
    config: Path | None = None
    dry_run: bool = False
    probe_pages: bool = False
    quiet: bool = False
    verbose: int = 0
    sidecar: str | None = None
    prefix: str = ""
    suffix: str = ""
    force: bool = False
    figures: Path | None = None
    """The folder for the pictures that are cut out of the pages."""
    describe_figures: bool = False
    write: MetadataPlace | None = None
    existing: Existing = Existing.KEEP
    """What becomes of captions that are there already: of pictures with *write*, of files with *sidecar*."""
    only_missing: bool = False
    no_backup: bool = False
    order: CaptionOrder = CaptionOrder()
    """What is wanted of each picture."""
    schema: Path | None = None
    per_document: bool = False
    """A result stands for a document and not for a page."""
    by_content: bool = False
    """Outputs belong to a document's name and content, not to the path where it lies; see ``FolderSink``."""

    @property
    def kind(self) -> str:
        """What is read: ``image`` where each file is one result, else ``pdf``."""
        return "pdf" if self.command == "pdf" or (self.command == "extract" and not self.per_document) else "image"

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of documents to look for in folders."""
        return ("pdf", "image") if self.command == "extract" else (self.kind,)

    @property
    def is_open_ended(self) -> bool:
        """Whether more or fewer documents may be read than are named."""
        return self.recursive or self.files_from is not None or self.sidecar is not None or self.leaves_described

    @property
    def goes_to_pictures(self) -> bool:
        """Whether captions go to their pictures only, into them or beside them."""
        return self.sidecar is not None or (self.write is not None and self.output is None)

    @property
    def again(self) -> str:
        """How to describe pictures again that have captions."""
        if self.write is None:
            return "--force writes them again"
        return "leave out --only-missing" if self.only_missing else "--existing replace writes them again"

    @property
    def leaves_described(self) -> bool:
        """Whether pictures that have a description are left out: nothing would be done with another one."""
        adds_more = self.order.keywords or self.order.alt or self.output is not None
        return self.write is not None and (self.only_missing or (self.existing is Existing.KEEP and not adds_more))

    @property
    def folder(self) -> Path | None:
        """The folder that ``--output`` names: with a slash at its end, or one that exists."""
        is_folder = self.output and (self.output.endswith(("/", os.sep)) or os.path.isdir(self.output))
        return Path(self.output) if self.output and is_folder else None

    @property
    def state_path(self) -> Path | None:
        """Where ``--journal`` says, else in the output folder or beside the output file; ``None`` for no state."""
        from visionocr.output.state import FOLDER_STATE

        if self.sidecar is not None:
            return None
        if self.journal is not None or self.output in (None, "-"):
            return self.journal
        if self.folder is not None:
            return self.folder / FOLDER_STATE
        return None if is_stream(Path(str(self.output))) else Path(f"{self.output}.journal")

    def count_results(self, pages: int, selection: PageSelection | None) -> int:
        """How many results a document with so many pages has."""
        if self.per_document:
            return 1
        return pages if selection is None else sum(1 for _ in selection.numbers(pages))

    def check(self) -> None:
        """Raise ``UsageError`` for options that do not make sense together."""
        if not self.files and self.files_from is None:
            raise UsageError("missing argument 'FILE'", f"See: visionocr {self.command} --help")
        self._check_captions()
        if self.describe_figures and self.figures is None:
            raise UsageError("--describe-figures needs --figures DIR")
        if self.probe_pages and not self.dry_run:
            raise UsageError("--probe-pages needs --dry-run")
        if self.output == "":
            raise UsageError("--output is given, but empty", "Give the name of a file, or of a folder with a slash.")

    def _check_captions(self) -> None:
        """Raise ``UsageError`` for options of ``describe`` that do not make sense together."""
        if self.write is None:
            if self.existing is not Existing.KEEP and self.sidecar is None:
                raise UsageError("--existing needs --write or --sidecar")
            needs = {"--only-missing": self.only_missing, "--no-backup": self.no_backup}
            if needless := [name for name, value in needs.items() if value]:
                raise UsageError(f"{needless[0]} needs --write")
        if self.sidecar is None:
            given = {"--prefix": self.prefix, "--suffix": self.suffix, "--force": self.force}
            if needless := [name for name, value in given.items() if value]:
                raise UsageError(f"{needless[0]} needs --sidecar")
        elif self.output is not None:
            raise UsageError("--sidecar and --output exclude each other")
        elif self.write is not None:
            raise UsageError("--write and --sidecar exclude each other", "Run the command once for each.")
        elif "-" in self.files:
            raise UsageError("standard input has no place for a --sidecar")
        if self.write is not None and self.order.captions > 1:
            raise UsageError("--write takes one caption a picture", "Leave out --captions.")
        if self.write is not None and "-" in self.files:
            raise UsageError("standard input has no place for a caption (--write)")

    def check_files(self) -> None:
        """Raise ``UsageError`` where the output or the state would overwrite something.

        Raises ``OutputError`` for a folder that is not there.
        """
        from visionocr.output.database import check_file

        if self.output not in (None, "-") and self.folder is None:
            self._check_output(str(self.output), "--output")
        if self.report is not None:
            self._check_output(str(self.report), "--report")
            if str(self.report) == "-" or self.report.is_dir():
                raise UsageError(f"--report {self.report} is no file", _ANOTHER_NAME)
            if self.output is not None and os.path.realpath(self.report) == os.path.realpath(self.output):
                raise UsageError("--report and --output are the same file", _ANOTHER_NAME)
        if self.state_path is not None:
            check_file(self.state_path)

    def _check_output(self, name: str, option: str) -> None:
        path = Path(name)
        if not os.path.isdir(path.parent):
            raise OutputError(f"there is no folder {path.parent}", f"Create it first, or give another {option}.")
        for other, what in self._inputs():
            if os.path.exists(path) and os.path.exists(other) and path.samefile(other):
                raise UsageError(f"{option} {name} is {what}", _ANOTHER_NAME)
        head = read_head(path, HEAD)
        content = {b"GGUF": "a model file", b"SQLi": "a database"}.get(head[:4])
        if sniff(head) is not None:
            content = "a PDF or a picture"
        if content is not None:
            raise UsageError(f"{option} {name} would overwrite {content}", _ANOTHER_NAME)
        if self.journal is not None and os.path.realpath(self.journal) == os.path.realpath(path):
            raise UsageError(f"--journal and {option} are the same file", _ANOTHER_NAME)

    def _inputs(self) -> Iterator[tuple[str, str]]:
        """Files that are read and must not be overwritten, each with what it is."""
        yield from ((name, "one of the documents to read") for name in self.files if name != "-")
        config = self.config or config_folder() / CONFIG_NAME
        named = {"--files-from": self.files_from, "--password-file": self.password_file, "--config": config}
        named["--schema"] = self.schema
        for name in ("prompt", "system"):
            text = str(self.flags.get(name) or os.environ.get(f"VISIONOCR_{name.upper()}") or "")
            named[f"--{name}"] = text[1:] if text.startswith("@") else None
        yield from ((str(path), f"the file of {option}") for option, path in named.items() if path)
