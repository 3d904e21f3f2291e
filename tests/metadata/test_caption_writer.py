"""Captions in files: each file is replaced as a whole, or stays as it is."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import features

from metadata_files import DARKTABLE, NOBODY, full_disk, make_exif, make_picture, read_frames, without_privileges
from visionocr.choices import Existing, MetadataPlace
from visionocr.errors import OutputError
from visionocr.metadata import caption_writer
from visionocr.metadata.caption_writer import CaptionWriter, Edit, find_sidecar, is_backup
from visionocr.metadata.picture import read_texts
from visionocr.metadata.texts import Changes, Texts, choose_changes
from visionocr.metadata.xmp_file import XmpFile

pytest.importorskip("pyexiv2", reason="the extra [metadata] is not installed")

CAPTION = Texts("A dog.", ("dog",), ("dog",), "dog")
XMP, SIDECAR = MetadataPlace.XMP, MetadataPlace.SIDECAR


def write(
    picture: Path,
    place: MetadataPlace = XMP,
    existing: Existing = Existing.KEEP,
    *,
    caption: Texts = CAPTION,
    backup: bool = True,
) -> Edit:
    """Put a caption into a picture that has not changed since it was read."""
    digest = hashlib.sha256(picture.read_bytes()).hexdigest()
    return CaptionWriter(place, existing, backup=backup).write(picture, digest, caption)


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A picture of its own day, which others may only read."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(make_picture(exif=make_exif()))
    path.chmod(0o640)
    os.utime(path, ns=(10**18, 10**18 + 12345))
    return path


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can reach."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


def test_the_new_picture_takes_the_place_of_the_old_one(photo: Path) -> None:
    """With its mode and time; the old one is kept beside it."""
    before, status = photo.read_bytes(), photo.stat()
    edit = write(photo)
    assert (edit.path, edit.note) == (photo, "")
    after = photo.stat()
    assert (after.st_mode, after.st_mtime_ns) == (status.st_mode, status.st_mtime_ns)
    assert read_texts(photo.read_bytes()) == CAPTION
    assert read_frames(photo.read_bytes()) == read_frames(before)
    backup = photo.with_name("photo.jpg_original")
    assert contents(photo.parent) == {"photo.jpg": edit.new, backup.name: before}
    assert backup.stat().st_mtime_ns == status.st_mtime_ns
    assert is_backup(backup)
    assert not is_backup(photo)


@pytest.mark.parametrize("place", MetadataPlace)
@pytest.mark.parametrize("existing", Existing)
def test_a_second_run_changes_not_one_byte(photo: Path, place: MetadataPlace, existing: Existing) -> None:
    """Nor the file's identity: it is not written again."""
    write(photo, place, existing)
    before = contents(photo.parent)
    nodes = {path: path.stat() for path in photo.parent.iterdir()}
    edit = write(photo, place, existing)
    assert edit.new == edit.old
    assert contents(photo.parent) == before
    assert {path: path.stat() for path in photo.parent.iterdir()} == nodes


def test_a_backup_is_never_overwritten(photo: Path) -> None:
    """The first one is the picture as the user had it."""
    before = photo.read_bytes()
    write(photo)
    write(photo, existing=Existing.REPLACE, caption=Texts("A cat."))
    assert read_texts(photo.read_bytes()).description == "A cat."
    assert photo.with_name("photo.jpg_original").read_bytes() == before


def test_a_backup_is_made_where_there_are_no_links(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On memory cards; as a copy with its time."""
    before, status = photo.read_bytes(), photo.stat()

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    write(photo)
    backup = photo.with_name("photo.jpg_original")
    assert (backup.read_bytes(), backup.stat().st_mtime_ns) == (before, status.st_mtime_ns)


def test_no_backup_is_made_where_none_is_wanted(photo: Path) -> None:
    """Only the picture is there afterwards."""
    write(photo, backup=False)
    assert list(contents(photo.parent)) == ["photo.jpg"]


@pytest.mark.parametrize("place", MetadataPlace)
def test_a_full_disk_leaves_everything_as_it_was(photo: Path, place: MetadataPlace) -> None:
    """Also the sidecar of another program, and no temporary file."""
    photo.with_name("photo.jpg.xmp").write_text(DARKTABLE)
    before = contents(photo.parent)
    with full_disk(500), pytest.raises(OutputError, match="cannot write"):
        write(photo, place)
    assert contents(photo.parent) == before


def test_a_kill_before_the_rename_leaves_the_old_picture(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run cleans up what the killed one left, and takes its backup for no other name of the picture."""
    before = photo.read_bytes()
    child = os.fork()
    if child == 0:
        monkeypatch.setattr(os, "replace", lambda *_: os._exit(7))
        write(photo)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert len(contents(photo.parent)) == 3
    assert photo.read_bytes() == before
    assert write(photo).note == ""
    assert contents(photo.parent) == {"photo.jpg": photo.read_bytes(), "photo.jpg_original": before}
    assert read_texts(photo.read_bytes()) == CAPTION


def test_a_picture_that_was_changed_after_it_was_read_is_left_alone(photo: Path) -> None:
    """The caption describes another picture, whether it would go into it or beside it."""
    digest = hashlib.sha256(photo.read_bytes()).hexdigest()
    photo.write_bytes(make_picture(seed=2))
    before = contents(photo.parent)
    for place in MetadataPlace:
        with pytest.raises(OutputError, match=r"photo.jpg was changed after it was read"):
            CaptionWriter(place).write(photo, digest, CAPTION)
    assert contents(photo.parent) == before


def test_a_picture_that_is_changed_while_it_is_written_is_left_alone(
    photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program was quicker; its picture stays."""
    other = make_picture(seed=3)
    keep = caption_writer._keep_original

    def change(path: Path) -> None:
        keep(path)
        path.unlink()
        path.write_bytes(other)

    monkeypatch.setattr(caption_writer, "_keep_original", change)
    with pytest.raises(OutputError, match="was changed meanwhile"):
        write(photo)
    assert photo.read_bytes() == other
    assert len(contents(photo.parent)) == 2


def test_a_picture_that_is_changed_while_it_is_compared_is_left_alone(
    photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Comparing takes half a second. The new picture is not replaced by one with the old pixels."""
    other = make_picture(seed=3)

    def compare(*_: object) -> bool:
        photo.write_bytes(other)
        return True

    monkeypatch.setattr(caption_writer, "is_same_picture", compare)
    with pytest.raises(OutputError, match="was changed meanwhile"):
        write(photo, backup=False)
    assert contents(photo.parent) == {"photo.jpg": other}


def test_a_sidecar_that_another_program_makes_meanwhile_is_left_alone(
    photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was not there when the caption was planned."""

    def make_sidecar(*values: Any) -> Changes:
        photo.with_name("photo.jpg.xmp").write_text(DARKTABLE)
        return choose_changes(*values)

    monkeypatch.setattr(caption_writer, "choose_changes", make_sidecar)
    with pytest.raises(OutputError, match="was changed meanwhile"):
        write(photo, SIDECAR)
    assert contents(photo.parent) == {"photo.jpg": photo.read_bytes(), "photo.jpg.xmp": DARKTABLE.encode()}


def test_a_picture_that_goes_away_while_it_is_written_is_an_error(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No exception of the system comes through."""
    monkeypatch.setattr(caption_writer, "_keep_original", Path.unlink)
    with pytest.raises(OutputError, match="was changed meanwhile"):
        write(photo)
    assert contents(photo.parent) == {}


def test_a_write_protected_picture_gets_a_sidecar(photo: Path) -> None:
    """Renaming would not ask; also root heeds the wish."""
    photo.chmod(0o444)
    before = photo.read_bytes()
    edit = write(photo)
    assert edit.note == f"{photo} is write-protected: its caption stands in {photo}.xmp"
    assert photo.read_bytes() == before
    assert XmpFile(Path(f"{photo}.xmp").read_bytes()).texts == CAPTION
    assert write(photo).note == ""


@pytest.mark.parametrize("place", MetadataPlace)
def test_a_write_protected_folder_is_an_error(open_folder: Path, place: MetadataPlace) -> None:
    """Nothing can be put beside the picture, and it is not written into as it stands."""
    photo = open_folder / "photo.jpg"
    photo.write_bytes(make_picture())
    if os.geteuid() == 0:
        os.chown(photo, NOBODY, NOBODY)
    open_folder.chmod(0o555)
    before = contents(open_folder)
    with without_privileges(), pytest.raises(OutputError, match="Permission denied"):
        write(photo, place)
    assert contents(open_folder) == before
    open_folder.chmod(0o755)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_of_a_picture_stays(photo: Path) -> None:
    """Also when root writes captions."""
    os.chown(photo, NOBODY, NOBODY)
    write(photo)
    assert (photo.stat().st_uid, photo.stat().st_gid) == (NOBODY, NOBODY)


def test_a_symbolic_link_stays_one(photo: Path, tmp_path: Path) -> None:
    """What it points to gets the caption."""
    link = tmp_path / "links" / "link.jpg"
    link.parent.mkdir()
    link.symlink_to(photo)
    assert write(link).path == photo
    assert link.is_symlink()
    assert read_texts(photo.read_bytes()) == CAPTION
    assert list(contents(link.parent)) == ["link.jpg"]


def test_a_hard_link_is_named(photo: Path) -> None:
    """Its other name keeps the old picture."""
    other = photo.with_name("other.jpg")
    other.hardlink_to(photo)
    before = photo.read_bytes()
    assert write(photo).note == f"{photo} has 2 names (hard links): under the others it stays as it was"
    assert other.read_bytes() == before
    assert read_texts(photo.read_bytes()) == CAPTION


AVIF = b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miafMA1B"
"""The beginning of one."""
REFUSED = {
    "a.gif": (make_picture("GIF"), "is in a format that cannot be written into (GIF)"),
    "a.bmp": (make_picture("BMP"), "is in a format that cannot be written into (BMP)"),
    "a.dng": (
        b"II*\0\x08\0\0\0\x01\0\x12\xc6\x01\0\x04\0\0\0\x01\x04\0\0\0\0\0\0",
        "cannot be written into (RAW)",
    ),
    "a.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "cannot be written into (HEIF)"),
    "a.avif": (make_picture("AVIF") if features.check("avif") else AVIF, "cannot be written into (AVIF)"),
    "cut.jpg": (make_picture()[:-600], "cannot be written into (cut.jpg is damaged"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_written_into_gets_a_sidecar(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason, and not one byte of the picture changed."""
    monkeypatch.chdir(tmp_path)
    data, reason = REFUSED[name]
    picture = Path(name)
    picture.write_bytes(data)
    assert reason in write(picture).note.replace(f"{tmp_path}/", "")
    assert picture.read_bytes() == data
    assert XmpFile(Path(f"{name}.xmp").read_bytes()).texts == CAPTION
    assert len(contents(tmp_path)) == 2


def test_a_picture_with_broken_exif_gets_a_sidecar(photo: Path) -> None:
    """Not one byte of it changes."""
    data = bytearray(photo.read_bytes())
    at = data.index(b"MM\0*") + 18
    data[at : at + 4] = b"\xff\xff\xff\x7f"
    photo.write_bytes(data)
    assert "has metadata that cannot be edited" in write(photo).note
    assert photo.read_bytes() == data
    assert XmpFile(Path(f"{photo}.xmp").read_bytes()).texts == CAPTION


# --- sidecars ----------------------------------------------------------------------------------------------


def test_a_sidecar_of_another_program_is_edited_and_kept_once(photo: Path) -> None:
    """Ours are not kept: they can be made again."""
    sidecar = Path(f"{photo}.xmp")
    sidecar.write_text(DARKTABLE)
    picture = photo.read_bytes()
    write(photo, SIDECAR)
    write(photo, SIDECAR, Existing.REPLACE, caption=Texts("A cat."))
    assert XmpFile(sidecar.read_bytes()).texts.description == "A cat."
    assert b"darktable:params" in sidecar.read_bytes()
    assert sidecar.with_name("photo.jpg.xmp_original").read_text() == DARKTABLE
    assert photo.read_bytes() == picture
    assert len(contents(photo.parent)) == 3
    ours = photo.with_name("b.jpg")
    ours.write_bytes(make_picture())
    write(ours, SIDECAR)
    write(ours, SIDECAR, Existing.REPLACE, caption=Texts("A cat."))
    assert len(contents(photo.parent)) == 5


def test_a_damaged_sidecar_is_an_error(photo: Path) -> None:
    """It may hold somebody's work, and stays."""
    sidecar = Path(f"{photo}.xmp")
    sidecar.write_text(DARKTABLE[:700])
    with pytest.raises(OutputError, match=r"photo.jpg.xmp is damaged"):
        write(photo, SIDECAR)
    assert sidecar.read_text() == DARKTABLE[:700]


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ((), "photo.jpg.xmp"),
        (("photo.xmp",), "photo.xmp"),
        (("photo.xmp", "photo.jpg.xmp"), "photo.jpg.xmp"),
        (("photo.xmp", "photo.CR2"), "photo.jpg.xmp"),
        (("photo.xmp", "photo.nef"), "photo.jpg.xmp"),
        (("photo.xmp", "photo.png"), "photo.jpg.xmp"),
        (("photo.xmp", "photo.txt"), "photo.xmp"),
    ],
)
def test_which_sidecar_belongs_to_a_picture(photo: Path, others: tuple[str, ...], expected: str) -> None:
    """One that is there, but not that of a raw photo with the same stem."""
    for name in others:
        photo.with_name(name).write_text(DARKTABLE)
    assert find_sidecar(photo).name == expected
    assert write(photo, SIDECAR).path.name == expected
    if expected == "photo.jpg.xmp" and "photo.xmp" in others:
        assert photo.with_name("photo.xmp").read_text() == DARKTABLE


def test_a_raw_photo_has_the_sidecar_of_its_stem(tmp_path: Path) -> None:
    """Whatever other pictures are called so."""
    for name in ("photo.cr2", "photo.jpg", "photo.xmp"):
        (tmp_path / name).touch()
    assert find_sidecar(tmp_path / "photo.cr2").name == "photo.xmp"


def test_a_description_inside_of_the_picture_counts_for_its_sidecar(photo: Path) -> None:
    """Programs that read both show the sidecar's, so that it would hide what the user wrote."""
    photo.write_bytes(make_picture(exif=make_exif("mine")))
    write(photo, SIDECAR, caption=Texts("new"))
    assert list(contents(photo.parent)) == ["photo.jpg"]
    write(photo, SIDECAR, Existing.APPEND, caption=Texts("new"))
    assert XmpFile(Path(f"{photo}.xmp").read_bytes()).texts.description == "mine\nnew"


def test_pictures_with_a_description_are_known(photo: Path) -> None:
    """Inside or beside; what cameras write, and what cannot be read, is none."""
    writer = CaptionWriter(XMP)
    assert not writer.has_description(photo)
    photo.write_bytes(make_picture(exif=make_exif("OLYMPUS DIGITAL CAMERA")))
    assert not writer.has_description(photo)
    Path(f"{photo}.xmp").write_text("damaged")
    assert not writer.has_description(photo)
    Path(f"{photo}.xmp").unlink()
    write(photo, SIDECAR)
    assert writer.has_description(photo)
    Path(f"{photo}.xmp").unlink()
    write(photo)
    assert writer.has_description(photo)
    assert not writer.has_description(photo.with_name("gone.jpg"))
