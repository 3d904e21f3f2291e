"""Puts captions into picture files or XMP files beside them. Files are replaced as a whole, or stay as they are."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from dataclasses import dataclass, field, replace
from pathlib import Path

from visionocr.choices import Existing, MetadataPlace
from visionocr.documents.kinds import SUFFIXES, Kind
from visionocr.documents.same_picture import find_kind, is_same_picture
from visionocr.errors import ConfigurationError, DocumentError, OutputError
from visionocr.metadata import picture as pictures
from visionocr.metadata.texts import CannotHold, Texts, choose_changes
from visionocr.metadata.xmp_file import MAX_SIZE, NEW, XmpFile
from visionocr.output.files import AtomicFile, remove_leftovers

BACKUP = "_original"
"""The end of the names of files as they were before, as exiftool has it."""
_EDITABLE = frozenset({"JPEG", "PNG", "WEBP", "TIFF"})
_MAX_PICTURE = 1 << 30
"""Bytes; a file is in memory three times while it is edited."""
_RAW = frozenset(
    {
        *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef", ".mos"),
        *(".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
    }
)
"""Suffixes of cameras' raw photos."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What a caption does to a file."""

    path: Path
    """The file that changes: the picture, or one beside it that need not be there."""
    old: bytes = field(repr=False)
    """What is in it; empty when it is not there."""
    new: bytes = field(repr=False)
    """The same where nothing changes."""
    texts: Texts
    """What is said about the picture up to now."""
    note: str = ""
    """What the user should know, in one sentence."""


class CaptionWriter:
    """Puts captions into files. For one thread, but for ``has_description``."""

    def __init__(self, place: MetadataPlace, existing: Existing = Existing.KEEP, *, backup: bool = True) -> None:
        """*backup*: keep pictures, and XMP files of other programs, as they were the first time.

        Raises ``ConfigurationError`` where what is needed to write into pictures is not installed.
        """
        self._place, self._existing, self._backup = place, existing, backup
        self.reads_pictures = True
        """Whether texts inside of pictures are seen."""
        try:
            pictures.require_library()
        except ConfigurationError:
            if place is MetadataPlace.XMP:
                raise
            self.reads_pictures = False
        self._swept: set[Path] = set()

    def has_description(self, picture: Path) -> bool:
        """Whether the picture, or the XMP file beside it, says what it shows. A file that cannot be read does not."""
        self._sweep(picture)
        with contextlib.suppress(OSError, CannotHold):
            if self._read_picture(_read(picture, _MAX_PICTURE)).description:
                return True
        with contextlib.suppress(OSError, CannotHold):
            return bool(XmpFile(_read(find_sidecar(picture), MAX_SIZE)).texts.description)
        return False

    def plan(self, picture: Path, caption: Texts) -> Edit:
        """What *caption* would do to the picture or the file beside it. Raises ``OutputError`` where nothing can be."""
        return self._plan(picture, _read_input(picture), caption, compares=False)

    def write(self, picture: Path, digest: str, caption: Texts) -> Edit:
        """Put *caption* in its place; returns what was done.

        *digest* is the SHA-256 of the picture that the caption describes. Raises ``OutputError``; then everything is
        as it was before.
        """
        self._sweep(picture)
        content = _read_input(picture)
        edit = self._plan(picture, content, caption, compares=True)
        if edit.new == edit.old:
            return edit
        if hashlib.sha256(content).hexdigest() != digest:
            raise OutputError(f"{picture} was changed after it was read", "Run the command again.")
        is_picture = edit.old is content
        try:
            if is_picture and (links := _count_links(edit.path)) > 1:
                names = f"{links} names (hard links)"
                edit = replace(edit, note=f"{edit.path} has {names}: under the others it stays as it was")
            self._replace(edit, keeps_attributes=is_picture)
        except OSError as error:
            raise OutputError(f"cannot write {edit.path}: {error.strerror}") from None
        return edit

    def _plan(self, picture: Path, content: bytes, caption: Texts, *, compares: bool) -> Edit:
        if self._place is MetadataPlace.SIDECAR:
            return self._plan_sidecar(picture, content, caption)
        try:
            return self._plan_picture(Path(os.path.realpath(picture)), content, caption, compares=compares)
        except CannotHold as error:
            edit = self._plan_sidecar(picture, content, caption)
            where = f"its caption stands in {edit.path}" if edit.new != edit.old else ""
            return replace(edit, note=f"{picture} {error}: {where}" if where else "")

    def _plan_picture(self, path: Path, content: bytes, caption: Texts, *, compares: bool) -> Edit:
        """*compares*: decode both pictures, which takes half a second with 12 megapixels. Raises ``CannotHold``."""
        if (kind := find_kind(content)) not in _EDITABLE:
            raise CannotHold(f"is in a format that cannot be written into ({kind or 'unknown'})")
        new = pictures.write_caption(content, caption, self._existing)
        edit = Edit(path, content, new, pictures.read_texts(content))
        if new == content:
            return edit
        if _is_protected(path):
            raise CannotHold("is write-protected")
        try:
            if compares and not is_same_picture(str(path), content, new):
                raise CannotHold("would not keep its pixels, which is a bug in visionocr")
        except DocumentError as error:
            raise CannotHold(f"cannot be written into ({error.message})") from None
        return edit

    def _plan_sidecar(self, picture: Path, content: bytes, caption: Texts) -> Edit:
        path = Path(os.path.realpath(find_sidecar(picture)))
        try:
            old = _read(path, MAX_SIZE)
        except FileNotFoundError:
            old = b""
        except OSError as error:
            raise OutputError(f"cannot read {path}: {error.strerror}") from None
        try:
            file = XmpFile(old or NEW)
            texts = _overlay(file.texts, self._read_picture_or_nothing(content))
            new = file.change(choose_changes(texts, caption, self._existing))
        except CannotHold as error:
            words = f"the caption of {picture} is not written, because {path} {error}"
            raise OutputError(words, "Move that file away, or mend it.") from None
        return Edit(path, old, old if new == NEW else new, texts)

    def _read_picture(self, content: bytes) -> Texts:
        return pictures.read_texts(content) if self.reads_pictures else Texts()

    def _read_picture_or_nothing(self, content: bytes) -> Texts:
        try:
            return self._read_picture(content)
        except CannotHold:
            return Texts()

    def _replace(self, edit: Edit, *, keeps_attributes: bool) -> None:
        self._sweep(edit.path)
        file = AtomicFile(edit.path)
        try:
            file.write_bytes(edit.new)
            if self._backup and edit.old and (keeps_attributes or not XmpFile(edit.old).is_ours):
                _keep_original(edit.path)
            if not _has_content(edit.path, edit.old):
                raise OutputError(f"{edit.path} was changed meanwhile", "Run the command again.")
            file.commit(like=edit.path if keeps_attributes else None)
        finally:
            file.discard()  # nothing is left to discard when all went well

    def _sweep(self, path: Path) -> None:
        """Delete what killed runs left beside *path*."""
        if path.parent not in self._swept:
            self._swept.add(path.parent)
            remove_leftovers(path.parent)


def find_sidecar(picture: Path) -> Path:
    """The XMP file of a picture: ``photo.jpg.xmp``, or ``photo.xmp`` where only that is there.

    A ``photo.xmp`` is left alone where it may belong to another picture: a raw photo's is called so.
    """
    path = picture.with_name(picture.name + ".xmp")
    by_stem = picture.with_suffix(".xmp")
    if path.exists() or not by_stem.exists():
        return path
    if picture.suffix.lower() in _RAW:
        return by_stem
    others = (SUFFIXES[Kind.IMAGE] | _RAW) - {picture.suffix.lower()}
    names = (picture.with_suffix(case) for suffix in others for case in (suffix, suffix.upper()))
    return path if any(name.exists() for name in names) else by_stem


def _is_protected(path: Path) -> bool:
    """Whether somebody wants the file to stay as it is: also from root, who may write to it."""
    with contextlib.suppress(OSError):
        return not path.stat().st_mode & stat.S_IWUSR or not os.access(path, os.W_OK)
    return False


def is_backup(picture: Path) -> bool:
    """Whether *picture* is what ``CaptionWriter`` or exiftool keeps of another one."""
    return picture.name.endswith(BACKUP) and picture.with_name(picture.name.removesuffix(BACKUP)).exists()


def _read(path: Path, limit: int) -> bytes:
    """The bytes of a file; raises ``OSError``, ``CannotHold`` for one of more than *limit* bytes."""
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise CannotHold(f"is larger than {limit:,} bytes")
    return data


def _has_content(path: Path, content: bytes) -> bool:
    """Whether these are the bytes of a file; a file that is not there has none. Raises ``OSError``."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest() == hashlib.sha256(content).digest()
    except FileNotFoundError:
        return not content


def _read_input(picture: Path) -> bytes:
    try:
        if picture.is_file():
            return _read(picture, _MAX_PICTURE)
    except OSError as error:
        raise OutputError(f"cannot read {picture}: {error.strerror}") from None
    except CannotHold as error:
        raise OutputError(f"the caption of {picture} is not written, because it {error}") from None
    raise OutputError(f"{picture} is no file that could get a caption")


def _overlay(file: Texts, picture: Texts) -> Texts:
    """What programs see that read both, where the XMP file says more than the picture."""
    return Texts(
        file.description or picture.description,
        file.keywords or picture.keywords,
        file.tags or picture.tags,
        file.alt_text or picture.alt_text,
    )


def _keep_original(path: Path) -> None:
    """Keep *path* under another name, unless something is there: that is older. Raises ``OutputError``."""
    backup = path.with_name(path.name + BACKUP)
    if os.path.lexists(backup):
        return
    try:
        os.link(path, backup)  # it will be replaced, so that the other name keeps what it was
    except FileExistsError:
        return
    except OSError:  # a file system without links
        copy = AtomicFile(backup)
        try:
            copy.copy(path)
            copy.commit(like=path)
        finally:
            copy.discard()


def _count_links(path: Path) -> int:
    """How many names the file has, without that of a backup that was made when a run was killed."""
    backup = path.with_name(path.name + BACKUP)
    return path.stat().st_nlink - (backup.exists() and backup.samefile(path))
