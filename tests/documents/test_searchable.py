"""Searchable PDFs: the text comes back, stands where it belongs, and nothing else changes."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import unicodedata
from pathlib import Path
from random import Random
from typing import Any

import pymupdf
import pytest
from PIL import Image, ImageDraw

from drawing import encrypted, pdf_bytes, picture_bytes
from pdf_readers import READERS, check_with_qpdf, read_with_mupdf
from searchable_files import write_searchable
from visionocr.blocks import BlockKind
from visionocr.boxes import Box, TextLine, Word, turn_line
from visionocr.documents import searchable
from visionocr.documents.content import Content
from visionocr.documents.searchable import NO_RESULT, SearchablePdf, Written
from visionocr.errors import DocumentError, OutputError
from visionocr.placed import PlacedBlock, PlacedPage

_mupdf: Any = pymupdf
_PAGE = Box(0, 0, 1, 1)
_TURNS = (0, 90, 180, 270)
_FRAMES = {
    "plain": {},
    "cropped": {"MediaBox": "[-20 30 575 872]", "CropBox": "[10 60 500 700]"},
    "user unit": {"UserUnit": "2"},
}


def _scan(pages: int = 1, **save: Any) -> bytes:
    """A PDF whose pages are pictures without text."""
    pdf = _mupdf.open()
    for number in range(pages):
        picture = Image.new("RGB", (60, 80), (250, 240 - number % 100, 230))
        ImageDraw.Draw(picture).rectangle((10, 10, 40, 20), fill="black")
        page = pdf.new_page()
        page.insert_image(page.rect, stream=picture_bytes(picture, "PNG"))
    return bytes(pdf.tobytes(**save))


def _place(*texts: str, number: int = 1, left: float = 0.1, right: float = 0.9) -> PlacedPage:
    """A page with a line for each text, below each other."""
    lines = tuple(
        TextLine(text, Box(left, 0.05 + 0.04 * row, right, 0.07 + 0.04 * row)) for row, text in enumerate(texts)
    )
    return PlacedPage(number, 1000, 1400, (PlacedBlock(BlockKind.TEXT, _PAGE, lines),))


def _write(data: bytes, *pages: PlacedPage, folder: Path, kind: str = "PDF", password: str | None = None) -> Path:
    """The searchable PDF of a document."""
    path = folder / "searchable.pdf"
    write_searchable(Content("scan.pdf", data=data), kind, pages, path, password)
    return path


def _edit(data: bytes, **keys: str) -> bytes:
    """A PDF with these keys in its first page."""
    with _mupdf.open(stream=data, filetype="pdf") as pdf:
        for key, value in keys.items():
            pdf.xref_set_key(pdf[0].xref, key, value)
        return bytes(pdf.tobytes())


def _draw_with_mupdf(data: bytes, number: int = 0) -> Image.Image:
    with _mupdf.open(stream=data, filetype="pdf") as pdf:
        pixmap = pdf[number].get_pixmap(dpi=60)
        return Image.frombytes("RGB", (pixmap.width, pixmap.height), pixmap.samples)


def _draw_with_pdfium(data: bytes, number: int = 0) -> Image.Image:
    pdfium = pytest.importorskip("pypdfium2")
    pdf = pdfium.PdfDocument(data)
    picture: Image.Image = pdf[number].render(scale=60 / 72).to_pil().convert("RGB")
    pdf.close()
    return picture


_RENDERERS = {"mupdf": _draw_with_mupdf, "pdfium": _draw_with_pdfium}


# --- the text comes back ----------------------------------------------------------------------------------

_LEFT_TO_RIGHT = {
    "latin": "The quick brown fox — 1,234.50 € in a (small) café",
    "vietnamese": "Tiếng Việt có dấu thanh điệu",
    "greek": "Η γρήγορη αλεπού πηδάει πάνω από το σκυλί",
    "cyrillic": "Съешь же ещё этих мягких французских булок",
    "chinese": "天地玄黄宇宙洪荒日月盈昃 辰宿列张",
    "japanese": "吾輩は猫である。名前はまだ無い。",
    "korean": "모든 인간은 태어날 때부터 자유로우며",
    "hindi": "सभी मनुष्यों को गौरव और अधिकारों",
    "above U+FFFF": "𝒜𝓁𝓅𝒽𝒶 😀 𠀀𠀁 end",
}
_RIGHT_TO_LEFT = {
    "arabic": "يولد جميع الناس أحرارا متساوين في الكرامة",
    "hebrew": "כל בני האדם נולדו בני חורין ושווים",
    "persian": "می\u200cخواهم کتاب\u200cها را بخوانم",
}


def _words(text: str) -> list[str]:
    """The words of what a reader says, without the marks of direction that poppler adds."""
    return text.translate(dict.fromkeys(map(ord, "\u200e\u200f\u202a\u202b\u202c"))).split()


@pytest.mark.parametrize("reader", READERS)
def test_text_comes_back_word_for_word(reader: str, tmp_path: Path) -> None:
    """What is written in any script from left to right is what every reader reads, in the same order."""
    path = _write(_scan(), _place(*_LEFT_TO_RIGHT.values()), folder=tmp_path)
    read = [unicodedata.normalize("NFC", word) for word in _words(READERS[reader](path))]
    assert read == " ".join(_LEFT_TO_RIGHT.values()).split()


@pytest.mark.parametrize("reader", ["mupdf", "pdfium", "poppler", "poppler -raw"])
def test_text_from_right_to_left_comes_back(reader: str, tmp_path: Path) -> None:
    """The same for scripts from right to left, in the readers that put them into reading order."""
    path = _write(_scan(), _place(*_RIGHT_TO_LEFT.values()), folder=tmp_path)
    assert _words(READERS[reader](path)) == " ".join(_RIGHT_TO_LEFT.values()).split()


@pytest.mark.parametrize("reader", ["pdfium", "poppler -raw"])
def test_mixed_directions(reader: str, tmp_path: Path) -> None:
    """Numbers and Latin words within a line from right to left come back."""
    text = "عام 2024 استخدم برنامج Python الإصدار 3 اليوم"
    assert _words(READERS[reader](_write(_scan(), _place(text), folder=tmp_path))) == text.split()


@pytest.mark.parametrize("reader", READERS)
def test_columns_come_back_in_reading_order(reader: str, tmp_path: Path) -> None:
    """Two columns are read one after the other, though the heights of the lines are uneven, as an engine's are."""
    columns = []
    for column, left in enumerate((0.08, 0.54)):
        lines = []
        for row in range(40):
            top, uneven = 0.05 + row * 0.022, 0.001 * (row * 7 % 5)
            text = f"line {row} of column {column} with some words"
            lines.append(TextLine(text, Box(left, top - uneven, left + 0.38, top + 0.014 + uneven / 2)))
        columns.append(PlacedBlock(BlockKind.TEXT, _PAGE, tuple(lines)))
    path = _write(_scan(), PlacedPage(1, 1000, 1400, tuple(columns)), folder=tmp_path)
    expected = " ".join(line.text for block in columns for line in block.lines).split()
    assert _words(READERS[reader](path)) == expected


def test_what_readers_cannot_show_is_left_out(tmp_path: Path) -> None:
    """Soft hyphens, controls and halves of characters are not written, marks are joined to their letters."""
    path = _write(_scan(), _place("Buch\xadstabe a\0b \ud800 cafe\u0301 \u202aend\u202c"), folder=tmp_path)
    assert read_with_mupdf(path).split() == ["Buchstabe", "ab", "café", "end"]


def test_more_high_characters_than_spare_codes(tmp_path: Path) -> None:
    """Of characters above U+FFFF the first 2,048 different ones come back, others as the replacement character."""
    text = "".join(map(chr, range(0x20000, 0x20000 + 2050)))
    lines = tuple(
        TextLine(text[50 * row : 50 * row + 50], Box(0.1, row / 50, 0.9, row / 50 + 0.01)) for row in range(41)
    )
    placed = PlacedPage(1, 1000, 1400, (PlacedBlock(BlockKind.TEXT, _PAGE, lines),))
    read = "".join(read_with_mupdf(_write(_scan(), placed, folder=tmp_path)).split())
    assert read == text[:2048] + "\ufffd\ufffd"


# --- it stands where it belongs ---------------------------------------------------------------------------


def test_words_fill_their_boxes(tmp_path: Path) -> None:
    """A word that is found is marked where it stands, to a point."""
    boxes = Box(0.2, 0.5, 0.4, 0.52), Box(0.6, 0.5, 0.65, 0.52)
    words = tuple(Word(text, box) for text, box in zip(("left", "right"), boxes, strict=True))
    line = TextLine("left right", Box(0.2, 0.5, 0.65, 0.52), words=words)
    placed = PlacedPage(1, 1000, 1400, (PlacedBlock(BlockKind.TEXT, _PAGE, (line,)),))
    with _mupdf.open(_write(_scan(), placed, folder=tmp_path)) as pdf:
        width, height = pdf[0].rect.width, pdf[0].rect.height
        for (left, top, right, bottom, *_), box in zip(pdf[0].get_text("words"), boxes, strict=True):
            expected = box.left * width, box.top * height, box.right * width, box.bottom * height
            assert (left, top, right, bottom) == pytest.approx(expected, abs=1)


def test_a_line_down_the_page(tmp_path: Path) -> None:
    """A line that is much higher than wide runs down, each word over its part."""
    line = TextLine("one three", Box(0.05, 0.1, 0.08, 0.9))
    placed = PlacedPage(1, 1000, 1400, (PlacedBlock(BlockKind.TEXT, _PAGE, (line,)),))
    with _mupdf.open(_write(_scan(), placed, folder=tmp_path)) as pdf:
        (first, second) = pdf[0].get_text("words")
        height = pdf[0].rect.height
    assert (first[4], second[4]) == ("one", "three")
    assert (first[1], second[3]) == pytest.approx((0.1 * height, 0.9 * height), abs=1)
    assert first[3] < second[1]


@pytest.mark.parametrize("turn", [90, 180, 270])
@pytest.mark.parametrize("reader", READERS)
def test_lines_of_turned_pages_come_back_whole(reader: str, turn: int, tmp_path: Path) -> None:
    """Text that runs up or down the page, or stands on its head, is found by its words and in its places."""
    boxes = Box(0.2, 0.5, 0.4, 0.52), Box(0.45, 0.5, 0.7, 0.52)
    words = tuple(Word(text, box) for text, box in zip(("found", "again"), boxes, strict=True))
    line = turn_line(TextLine("found again", Box(0.2, 0.5, 0.7, 0.52), words=words), turn)
    placed = PlacedPage(1, 1000, 1400, (PlacedBlock(BlockKind.TEXT, _PAGE, (line,)),))
    path = _write(_scan(), placed, folder=tmp_path)
    found = _words(READERS[reader](path))
    assert found == (["again", "found"] if (reader, turn) == ("pdfium", 180) else ["found", "again"])  # by their places
    with _mupdf.open(path) as pdf:
        ((direction, text),) = [
            (line["dir"], "".join(span["text"] for span in line["spans"]).strip())
            for block in pdf[0].get_text("dict")["blocks"]
            for line in block.get("lines", ())
        ]
        assert (direction, text) == ({90: (0, 1), 180: (-1, 0), 270: (0, -1)}[turn], "found again")
        width, height = pdf[0].rect.width, pdf[0].rect.height
        for (left, top, right, bottom, *_), word in zip(pdf[0].get_text("words"), line.words, strict=True):
            box = word.box
            expected = box.left * width, box.top * height, box.right * width, box.bottom * height
            assert (left, top, right, bottom) == pytest.approx(expected, abs=1)


@pytest.mark.parametrize("renderer", _RENDERERS)
@pytest.mark.parametrize(("frame", "turn"), list(itertools.product(_FRAMES, _TURNS)))
def test_places_on_turned_and_cropped_pages(
    frame: str, turn: int, renderer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written for a box shows in that box: a rectangle is drawn instead of invisible text."""

    def draw(_page: PlacedPage, width: float, height: float, _encode: object) -> bytes:
        return f"{0.25 * width} {0.5 * height} {0.5 * width} {0.125 * height} re f".encode()

    monkeypatch.setattr(searchable, "write_text", draw)
    empty = _edit(pdf_bytes(""), **_FRAMES[frame], Rotate=str(turn))
    picture = _RENDERERS[renderer](_write(empty, _place("text"), folder=tmp_path).read_bytes())
    dark = picture.convert("L").point([255 if value < 128 else 0 for value in range(256)]).getbbox()
    width, height = picture.size
    expected = 0.25 * width, 0.5 * height, 0.75 * width, 0.625 * height
    assert dark == pytest.approx(expected, abs=1.01)


def test_contents_that_leave_the_page_changed(tmp_path: Path) -> None:
    """Old contents with unbalanced ``q`` and ``Q`` and a matrix of their own do not move the text."""
    pdf = _mupdf.open()
    page = pdf.new_page()
    xref = pdf.get_new_xref()
    pdf.update_object(xref, "<<>>")
    pdf.update_stream(xref, b"Q 0.1 0 0 0.1 300 300 cm q q 2 0 0 2 0 0 cm 0 0 100 100 re f")
    pdf.xref_set_key(page.xref, "Contents", f"{xref} 0 R")
    with _mupdf.open(_write(pdf.tobytes(), _place("word"), folder=tmp_path)) as written:
        left, top, *_ = written[0].get_text("words")[0]
    assert (left, top) == pytest.approx((0.1 * 595, 0.05 * 842), abs=1)


# --- nothing else changes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("renderer", _RENDERERS)
def test_pages_look_the_same(renderer: str, tmp_path: Path) -> None:
    """Every pixel is the same."""
    data = _scan()
    written = _write(data, _place(*_LEFT_TO_RIGHT.values()), folder=tmp_path).read_bytes()
    assert _RENDERERS[renderer](written).tobytes() == _RENDERERS[renderer](data).tobytes()


def _make_rich() -> bytes:
    """A scan with everything that a document may have besides its pages."""
    pdf = _mupdf.open(stream=_scan(3), filetype="pdf")
    pdf.set_toc([[1, "first", 1], [2, "second", 2]])
    pdf.set_metadata({"title": "A title", "author": "An author"})
    pdf.set_xml_metadata("<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
    pdf.set_page_labels([{"startpage": 0, "style": "r", "prefix": "P-", "firstpagenum": 1}])
    pdf.embfile_add("data.txt", b"attached")
    page = pdf[0]
    page.insert_link({"kind": _mupdf.LINK_URI, "from": _mupdf.Rect(0, 0, 50, 50), "uri": "https://example.com/"})
    page.add_text_annot((100, 100), "a note")
    widget = _mupdf.Widget()
    widget.rect, widget.field_name = _mupdf.Rect(100, 200, 300, 220), "name"
    widget.field_type, widget.field_value = _mupdf.PDF_WIDGET_TYPE_TEXT, "filled in"
    page.add_widget(widget)
    return bytes(pdf.tobytes())


def _list_contents(data: bytes) -> dict[str, object]:
    with _mupdf.open(stream=data, filetype="pdf") as pdf:
        page = pdf[0]
        return {
            "outline": pdf.get_toc(),
            "metadata": {key: pdf.metadata[key] for key in ("title", "author", "creationDate", "producer")},
            "xmp": pdf.get_xml_metadata(),
            "labels": [sheet.get_label() for sheet in pdf],
            "attachments": [(name, pdf.embfile_get(name)) for name in pdf.embfile_names()],
            "links": [link["uri"] for link in page.get_links()],
            "annotations": [annotation.info["content"] for annotation in page.annots()],
            "form": [(widget.field_name, widget.field_value) for widget in page.widgets()],
        }


def test_everything_else_is_kept(tmp_path: Path) -> None:
    """Outline, labels, attachments, links, notes, forms and metadata; a form field is not taken for text."""
    data = _make_rich()
    path = _write(data, _place("first"), _place("third", number=3), folder=tmp_path)
    kept = _list_contents(data)
    assert all(kept.values())
    assert _list_contents(path.read_bytes()) == kept
    with _mupdf.open(path) as pdf:
        assert [word[4] for word in pdf[2].get_text("words")] == ["third"]
    check_with_qpdf(path)


def test_shared_resources(tmp_path: Path) -> None:
    """Pages that inherit one dictionary of resources get text of their own."""
    pdf = _mupdf.open(stream=_scan(2), filetype="pdf")
    shared = pdf.xref_get_key(pdf[0].xref, "Resources")[1]
    for page in pdf:
        pdf.xref_set_key(page.xref, "Resources", "null")
    pdf.xref_set_key(int(pdf.xref_get_key(pdf[0].xref, "Parent")[1].split()[0]), "Resources", shared)
    data = bytes(pdf.tobytes())
    path = _write(data, _place("one"), _place("two", number=2), folder=tmp_path)
    with _mupdf.open(path) as written:
        assert [page.get_text().split() for page in written] == [["one"], ["two"]]
    for number in range(2):
        assert _draw_with_mupdf(path.read_bytes(), number).tobytes() == _draw_with_mupdf(data, number).tobytes()


def test_pages_that_are_left(tmp_path: Path) -> None:
    """A page with text, visible or not, a tagged one and one without a result stay as they are, and are named."""
    pdf = _mupdf.open(stream=_scan(5), filetype="pdf")
    pdf[0].insert_text((72, 72), "visible")
    pdf[1].insert_text((72, 72), "an older layer", render_mode=3)
    pdf.xref_set_key(pdf[2].xref, "StructParents", "0")
    path = tmp_path / "out.pdf"
    pages = [_place("new", number=number) for number in (1, 2, 3, 5)]
    result = write_searchable(Content("scan.pdf", data=pdf.tobytes()), "PDF", pages, path)
    layer = "it has invisible text already (--replace-layer replaces that)"
    assert result == Written((5,), {1: "it has text already", 2: layer, 3: "it is tagged", 4: NO_RESULT})
    with _mupdf.open(path) as written:
        texts = [page.get_text().strip() for page in written]
    assert texts == ["visible", "an older layer", "", "", "new"]


def test_text_outside_the_page_does_not_count(tmp_path: Path) -> None:
    """Text that nobody sees because it is beyond the edge leaves a page without text."""
    pdf = _mupdf.open(stream=_scan(), filetype="pdf")
    pdf[0].insert_text((72, 2000), "far below")
    path = tmp_path / "out.pdf"
    assert write_searchable(Content("scan.pdf", data=pdf.tobytes()), "PDF", [_place("new")], path).pages == (1,)


def test_a_blank_page_counts_as_written(tmp_path: Path) -> None:
    """A page that was read and has no text needs none."""
    path = tmp_path / "out.pdf"
    assert write_searchable(Content("a.pdf", data=_scan()), "PDF", [PlacedPage(1, 10, 10)], path) == Written((1,))


def test_a_page_that_does_not_exist() -> None:
    """It is refused, as is a second text for one page."""
    with SearchablePdf(Content("scan.pdf", data=_scan()), "PDF") as pdf:
        with pytest.raises(DocumentError, match=r"scan\.pdf has no page 2"):
            pdf.add(_place("text", number=2))
        pdf.add(_place("text"))
        with pytest.raises(ValueError, match="before"):
            pdf.add(_place("again"))


# --- protected and damaged files --------------------------------------------------------------------------


def _make_signed(where: str) -> bytes:
    pdf = _mupdf.open(stream=_scan(), filetype="pdf")
    pdf.xref_set_key(
        pdf.pdf_catalog(),
        *(("AcroForm", "<</Fields[]/SigFlags 3>>"), ("Perms", "<</DocMDP<<>>>>"))[where == "certified"],
    )
    return bytes(pdf.tobytes())


@pytest.mark.parametrize("where", ["signed", "certified"])
def test_signed_files_are_refused(where: str, tmp_path: Path) -> None:
    """A text layer would break the signature: nothing is written."""
    with pytest.raises(DocumentError, match=r"scan\.pdf is signed"):
        _write(_make_signed(where), _place("text"), folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_files_whose_owner_forbids_changes(tmp_path: Path) -> None:
    """They are refused, unless the owner's password is given."""
    with pytest.raises(DocumentError, match="does not allow changes"):
        _write(encrypted("user"), _place("text"), folder=tmp_path, password="user")
    with pytest.raises(DocumentError, match="does not allow changes"):
        _write(encrypted(""), _place("text"), folder=tmp_path)
    with pytest.raises(DocumentError, match="password is wrong"):
        _write(encrypted("user"), _place("text"), folder=tmp_path, password="other")
    with pytest.raises(DocumentError, match="is encrypted"):
        _write(encrypted("user"), _place("text"), folder=tmp_path)
    for user in ("user", ""):
        _write(encrypted(user), _place("text"), folder=tmp_path, password="owner").unlink()


def test_encryption_is_kept(tmp_path: Path) -> None:
    """Passwords and permissions of the original are those of the new file."""
    allowed = _mupdf.PDF_PERM_MODIFY | _mupdf.PDF_PERM_COPY
    locked = {"encryption": _mupdf.PDF_ENCRYPT_AES_256, "user_pw": "user", "owner_pw": "owner"}
    data = _scan(**locked, permissions=allowed)
    path = _write(data, _place("secret"), folder=tmp_path, password="user")
    with _mupdf.open(stream=data, filetype="pdf") as before, _mupdf.open(path) as after:
        assert after.needs_pass
        assert before.authenticate("user") == after.authenticate("user")
        assert before.permissions == after.permissions
        assert after[0].get_text().split() == ["secret"]


def test_a_damaged_file_is_repaired(tmp_path: Path) -> None:
    """A file without its cross-reference table gets text like any other."""
    data = _scan(2)
    path = _write(data[: data.rindex(b"xref")], _place("text", number=2), folder=tmp_path)
    with _mupdf.open(path) as pdf:
        assert not pdf.is_repaired
        assert pdf[1].get_text().split() == ["text"]
    check_with_qpdf(path)


def test_a_page_costs_little(tmp_path: Path) -> None:
    """The font is written once, and a page of 500 words takes less than 10 kB."""
    page = [" ".join(f"word{row}x{word}" for word in range(10)) for row in range(20)]
    data = _scan(20)
    pages = [_place(*page, *page[:5], number=number) for number in range(1, 21)]
    assert len(_write(data, *pages, folder=tmp_path).read_bytes()) < len(data) + 20 * 10_000


def test_a_damaged_page_is_left(tmp_path: Path) -> None:
    """The others get their text all the same."""
    pdf = _mupdf.open(stream=_scan(2), filetype="pdf")
    pdf.update_object(pdf[0].xref, "42")
    path = tmp_path / "out.pdf"
    pages = [_place("one"), _place("two", number=2)]
    result = write_searchable(Content("scan.pdf", data=pdf.tobytes()), "PDF", pages, path)
    assert result.pages == (2,)
    assert result.left[1].startswith("page 1 of scan.pdf is damaged and cannot be written")
    assert read_with_mupdf(path).split() == ["two"]


def test_any_broken_file(tmp_path: Path) -> None:
    """Whatever is wrong with a file, it is written or refused in one line, and what was refused leaves no file."""
    sound = bytearray(_make_rich())
    random = Random(1)
    for number in range(40):
        broken = bytearray(sound)
        for _ in range(random.choice((1, 5, 40))):
            broken[random.randrange(len(broken))] = random.choice(b"0 <[{/")
        path = tmp_path / f"{number}.pdf"
        try:
            write_searchable(
                Content("broken.pdf", data=bytes(broken)), "PDF", [_place("a"), _place("b", number=3)], path
            )
        except DocumentError:
            assert not path.exists()
        else:
            assert path.exists()


def test_what_cannot_be_written(tmp_path: Path) -> None:
    """A folder that is not there is an error in one line, and nothing is written over, least of all the original."""
    with pytest.raises(OutputError, match="cannot write"):
        _write(_scan(), _place("text"), folder=tmp_path / "missing")
    original = tmp_path / "scan.pdf"
    original.write_bytes(_scan())
    before = original.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        write_searchable(Content("scan.pdf", str(original)), "PDF", [_place("text")], original)
    assert original.read_bytes() == before


@pytest.mark.parametrize("lost", [1, 100_000])
def test_a_full_disk(lost: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It is an error in one line, and nothing is left, also when only the last bytes did not fit."""
    resource = pytest.importorskip("resource")
    noise = Image.effect_noise((400, 400), 100)
    data = picture_bytes(noise, "PNG")
    path = tmp_path / "out.pdf"
    write_searchable(Content("a.png", data=data), "PNG", [_place("text")], path)
    size = path.stat().st_size
    path.unlink()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size - lost, limits[1]))
        with pytest.raises(OutputError, match=r"cannot write .*out\.pdf: File too large"):
            write_searchable(Content("a.png", data=data), "PNG", [_place("text")], path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_memory_does_not_grow_with_the_document(tmp_path: Path) -> None:
    """More pages take at most 80 kB each: their text, which is written at the end."""
    source = tmp_path / "scan.pdf"
    source.write_bytes(_scan(400))
    program = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent.parent)!r})
from pathlib import Path
from peak import peak_of_this_process
from searchable_files import write_searchable
from visionocr.blocks import BlockKind
from visionocr.boxes import Box, TextLine
from visionocr.documents.content import Content
from visionocr.placed import PlacedBlock, PlacedPage

source = Path({str(source)!r})

def place(number):
    texts = [" ".join(f"word{{number * row * word}}" for word in range(11)) for row in range(49)]
    lines = tuple(TextLine(text, Box(0.1, row / 50, 0.9, row / 50 + 0.01)) for row, text in enumerate(texts))
    return PlacedPage(number, 10, 10, (PlacedBlock(BlockKind.TEXT, Box(0, 0, 1, 1), lines),))

for count in 50, 400:
    pages = (place(number) for number in range(1, count + 1))
    write_searchable(Content("scan.pdf", str(source)), "PDF", pages, source.with_name(str(count)))
    print(peak_of_this_process())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=200)
    few, many = map(int, done.stdout.split())
    assert many - few < 350 * 80_000
