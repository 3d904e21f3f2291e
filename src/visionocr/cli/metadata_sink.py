"""``--write``: captions in the metadata of their pictures, or in XMP files beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from visionocr.choices import Existing, MetadataPlace
from visionocr.cli.read_options import ReadOptions
from visionocr.console import Console
from visionocr.errors import OutputError
from visionocr.extras import install_hint
from visionocr.metadata.texts import Texts, read_result
from visionocr.output.writer import Sink
from visionocr.text import write_count
from visionocr.types import Notice, PageRef, PageResult, Status

if TYPE_CHECKING:
    from visionocr.metadata.caption_writer import Edit

_MOST_SHOWN = 60
"""Characters of a description in the plan of ``--dry-run``."""


class MetadataSink(Sink):
    """A caption for each picture. One that cannot be written is reported and costs itself."""

    def __init__(self, options: ReadOptions, console: Console) -> None:
        """Raises ``ConfigurationError`` where what is needed to write into pictures is not installed."""
        from visionocr.metadata.caption_writer import CaptionWriter

        assert options.write is not None
        self._writer = CaptionWriter(options.write, options.existing, backup=not options.no_backup)
        self._existing = options.existing
        self._leaves_described = options.leaves_described
        self._console = console
        self.changed: Callable[[PageRef], None] = lambda page: None  # noqa: ARG005
        """Is called with each picture whose file was changed."""
        self._waiting: PageResult | None = None
        """The first frame of a picture whose other frames are still read: until then its file stays as it is."""
        self._left_out = self._backups = self._unfit = self._failures = 0
        if options.write is MetadataPlace.SIDECAR and not self._writer.reads_pictures:
            words = "descriptions inside pictures are not seen without pyexiv2"
            console(Notice(f"{words}. {install_hint('metadata')}"))

    def is_wanted(self, picture: str) -> bool:
        """Whether the picture at this path is to be described: no backup, nor one that has a description already."""
        from visionocr.metadata.caption_writer import is_backup

        path = Path(picture)
        if is_backup(path):
            self._backups += 1
            return False
        if self._leaves_described and self._writer.has_description(path):
            self._left_out += 1
            return False
        return True

    def write(self, result: PageResult) -> None:
        """Write one caption, unless it is not good. Only a first frame is captioned."""
        page = result.page
        if page.number > 1:
            return
        self._write_waiting()
        if result.status in {Status.SUSPECT, Status.FAILED} and page.number:
            self._unfit += 1
        if result.status not in {Status.OK, Status.CHECKED}:
            return
        self._waiting = result
        if page.pages == 1:
            self._write_waiting()

    def finish(self) -> None:
        """Raise ``OutputError`` when there are captions that could not be written."""
        self._write_waiting()
        self.report()
        if self._failures:
            remedy = "Repeat the command to describe those pictures again."
            raise OutputError(f"{write_count(self._failures, 'caption')} could not be written", remedy)

    def report(self) -> None:
        """Say how many pictures were left out up to now, and why."""
        counts = {
            "left out because they have a description already": self._left_out,
            "left out because they are backups of others": self._backups,
            "not written because their captions are suspect or failed": self._unfit,
        }
        for what, count in counts.items():
            if count:
                self._console(Notice(f"pictures {what}: {count}"))

    def plan(self, document: str) -> str:
        """What would become of the description of a picture, in one line."""
        try:
            edit = self._writer.plan(Path(document), Texts("…"))
        except OutputError as error:
            return error.message
        return f"{document}: {self._describe(edit)}" + (f" ({edit.note})" if edit.note else "")

    def _describe(self, edit: Edit) -> str:
        old = " ".join(edit.texts.description.split())
        old = f"{old[:_MOST_SHOWN]}…" if len(old) > _MOST_SHOWN else old
        if not old:
            return f"has no description; the new one goes into {edit.path}"
        if edit.new == edit.old:
            return f"{old!r} stays"
        fate = "is replaced" if self._existing is Existing.REPLACE else "is followed by the new one"
        return f"{old!r} {fate} in {edit.path}"

    def _write_waiting(self) -> None:
        if (result := self._waiting) is None:
            return
        self._waiting = None
        try:
            edit = self._writer.write(Path(result.page.document), result.page.digest, read_result(result))
        except OutputError as error:
            self._failures += 1
            self._console.error(error.message, error.hint)
            return
        if edit.note:
            self._console(Notice(edit.note))
        if edit.new != edit.old:
            self.changed(result.page)
