"""``--sidecar``: a caption file beside each picture."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from visionocr.captions.lines import LineStyle
from visionocr.choices import Existing, MetadataPlace
from visionocr.documents.kinds import HEAD, sniff
from visionocr.errors import OutputError, UsageError
from visionocr.metadata.texts import Texts
from visionocr.output.files import read_head, remove_leftovers, write_file
from visionocr.output.image_folder import has_caption
from visionocr.output.writer import Sink
from visionocr.text import printable, write_count
from visionocr.types import PageResult

_PLAIN = LineStyle()
_LARGEST = 1 << 20
"""Bytes of a file of captions."""


class SidecarSink(Sink):
    """A caption file beside each picture: ``photo.jpg`` gets ``photo.txt``. One that cannot be written costs itself.

    Pictures that differ in their ending only get names that hold the ending.
    """

    def __init__(
        self,
        ending: str,
        report: Callable[[OutputError], None],
        *,
        prefix: str = "",
        suffix: str = "",
        existing: Existing = Existing.KEEP,
        style: LineStyle = _PLAIN,
    ) -> None:
        """*report* is called for each caption that cannot be written. *existing*: what becomes of files of captions."""
        self._ending = ending
        self._report = report
        self._prefix, self._suffix = prefix, suffix
        self._existing = existing
        self._style = style
        self._unusual: dict[str, Path] = {}
        """Paths that do not follow from the picture's alone; of the others none is kept, there may be very many."""
        self._taken: set[int] = set()
        """Hashes of all paths."""
        self._failures = 0
        self._swept: set[Path] = set()

    def is_wanted(self, picture: str) -> bool:
        """Whether the picture at this path still needs its caption. Raises ``OutputError`` where a picture lies."""
        path = sidecar_path(Path(picture), self._ending)
        if hash(path) in self._taken:
            path = self._unusual[picture] = Path(f"{picture}{path.suffix}")
        if sniff(read_head(path, HEAD)) is not None:
            raise OutputError(f"the caption of {picture} would overwrite {path}", "Choose another --sidecar ending.")
        self._taken.add(hash(path))
        return self._existing is not Existing.KEEP or not os.path.exists(path)

    def path_of(self, picture: str) -> Path:
        """Where the caption of the picture at this path goes."""
        return self._unusual.get(picture) or sidecar_path(Path(picture), self._ending)

    def write(self, result: PageResult) -> None:
        """Write one caption; a picture without one gets no file. Only a first frame is captioned."""
        if not has_caption(result):
            return
        path = self.path_of(result.page.document)
        if path.parent not in self._swept:
            self._swept.add(path.parent)
            remove_leftovers(path.parent)
        lines = [f"{self._prefix}{line}{self._suffix}" for line in self._style.write_lines(result.text)]
        try:
            old = read_sidecar(path).splitlines() if self._existing is Existing.APPEND else []
            if old and (lines := self._style.append_lines(old, lines)) == old:
                return
            write_file(path, "".join(f"{line}\n" for line in lines))
        except OutputError as error:
            self._failures += 1
            self._report(error)

    def finish(self) -> None:
        """Raise ``OutputError`` when there are captions that could not be written."""
        if self._failures:
            raise OutputError(
                f"{write_count(self._failures, 'caption')} could not be written",
                "Repeat the command to describe those pictures again.",
            )


def read_sidecar(path: Path) -> str:
    """The text of a file of captions; empty where there is none. Raises ``OutputError`` for what is none."""
    try:
        if path.stat().st_size > _LARGEST:
            raise OutputError(f"{printable(str(path))} has more than {_LARGEST:,} bytes: it is no file of captions")
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise OutputError(f"cannot read {printable(str(path))}: {reason}") from None


def sidecar_path(picture: Path, ending: str) -> Path:
    """``photo.jpg`` + ``.txt`` = ``photo.txt``; without a dot as well. Raises ``UsageError`` for what is no ending."""
    ending = ending if ending.startswith(".") else f".{ending}"
    if len(ending) < 2 or not ending.isprintable() or any(char in ending for char in '/\\:*?"<>|'):
        raise UsageError(f"--sidecar {ending!r} is not an ending of file names", "Example: --sidecar .txt")
    path = picture.with_name(picture.stem + ending)
    if path == picture:
        raise UsageError(f"the caption of {picture} would overwrite the picture", "Choose another --sidecar ending.")
    return path


def look_up(sidecars: SidecarSink | None, picture: str) -> dict[str, str]:
    """What is known of the picture at this path: values of the placeholders of prompts.

    The caption is that of its sidecar (of the ``.txt`` beside it where no sidecars are written), else the description
    in its metadata; the keywords are those of its metadata.
    """
    from visionocr.metadata.caption_writer import CaptionWriter

    texts, caption = Texts(), ""
    with contextlib.suppress(OutputError, OSError):
        texts = CaptionWriter(MetadataPlace.SIDECAR).plan(Path(picture), texts).texts
    with contextlib.suppress(OutputError, UsageError):
        path = sidecar_path(Path(picture), ".txt") if sidecars is None else sidecars.path_of(picture)
        caption = read_sidecar(path).strip()
    return {
        "folder": os.path.basename(os.path.dirname(os.path.abspath(picture))),
        "caption": caption or texts.description,
        "keywords": ", ".join(texts.keywords),
    }
