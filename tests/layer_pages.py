"""Draws pages of PDFs whose text layers are sound, or wrong in the ways in which they are wrong in the world."""

from __future__ import annotations

import io
import random
import string
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pymupdf
from PIL import Image, ImageFilter

_pymupdf: Any = pymupdf
Page = Any
_ENGLISH = """In the second century of the Christian Era, the empire of Rome comprehended the fairest part of the earth,
and the most civilized portion of mankind. The frontiers of that extensive monarchy were guarded by ancient renown and
disciplined valor. The gentle but powerful influence of laws and manners had gradually cemented the union of the
provinces. Their peaceful inhabitants enjoyed and abused the advantages of wealth and luxury. The image of a free
constitution was preserved with decent reverence."""
PROSE = _ENGLISH.split()
_GERMAN = """Die Geschichte der Stadt beginnt vor vielen Jahrhunderten, als die ersten Bewohner über das Gebirge kamen
und ihre Häuser an der Küste bauten. Später wurde daraus ein großer Hafen."""
_GREEK = """Η ιστορία της πόλης αρχίζει πριν από πολλούς αιώνες όταν οι πρώτοι κάτοικοι έφτασαν στην ακτή και έχτισαν τα
σπίτια τους κοντά στη θάλασσα."""
_RUSSIAN = """История города начинается много веков назад, когда первые жители пришли на берег и построили свои дома у
моря. Позже здесь появился большой порт."""
_HEBREW = """תולדות העיר מתחילות לפני מאות שנים כאשר התושבים הראשונים הגיעו אל החוף ובנו את בתיהם ליד הים. מאוחר
יותר נבנה כאן נמל גדול, והסוחרים באו מארצות רחוקות."""
# Without a letter that PyMuPDF's font joins to others, for it writes no text for what is joined.
_ARABIC = """يبدأ تاريخ قرون عديدة عندما وصن بيوتهم من هذا كتاب عن تاريخ و كانت تعيش في قرى صغيرة ثم صارت كبيرة ذات جيش
قوي و تجارة واسعة مع جيرانها شرقا و غربا بعد عشرين سنة"""
_JAPANESE = (
    """都市の歴史は、最初の住民が海岸に到着し、海の近くに家を建てた何世紀も前に始まります。後に大きな港になりました。"""
)
_KOREAN = """도시의 역사는 최초의 주민들이 해안에 도착하여 바다 근처에 집을 지은 수 세기 전에 시작됩니다."""
_CHINESE = (
    """这座城市的历史始于许多世纪以前，当时第一批居民来到海岸，在海边建造了自己的房屋。后来这里成为一个大港口。"""
)
_FORMULAS = "∫₀^∞ e^(−x²) dx = ½√π, Σ aₙxⁿ, ∂f/∂x + ∂f/∂y = 0, α·β ≤ γ, where f is smooth and x > 0. "


def new_page(width: float = 595, height: float = 842) -> Page:
    """The only page of a new document."""
    return _pymupdf.open().new_page(width=width, height=height)


def as_pdf(page: Page) -> bytes:
    """The document of a page as a file."""
    return bytes(page.parent.tobytes())


def write_lines(page: Page, words: Iterable[str] = PROSE, lines: int = 40, *, top: float = 80, **options: Any) -> Page:
    """Write lines of eight words from the *top* of a page down, the words again and again."""
    words = list(words)
    for number in range(lines):
        text = " ".join(words[(8 * number + at) % len(words)] for at in range(8))
        page.insert_text((60, top + 18 * number), text, **{"fontsize": 11, "fontname": "tiro", **options})
    return page


def as_png(picture: Image.Image) -> bytes:
    """A picture as a file."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def draw_scan(page: Page, dots: float = 100) -> bytes:
    """A JPEG of a page as a scanner makes it, *dots* an inch."""
    pixmap = page.get_pixmap(dpi=round(dots), colorspace=_pymupdf.csGRAY)
    picture = Image.frombytes("L", (pixmap.width, pixmap.height), pixmap.samples)
    buffer = io.BytesIO()
    picture.filter(ImageFilter.GaussianBlur(0.6)).save(buffer, "JPEG", quality=70)
    return buffer.getvalue()


# --- sound layers -----------------------------------------------------------------------------------------


def _flow(text: str, times: int) -> Callable[[], Page]:
    def draw() -> Page:
        page = new_page()
        page.insert_htmlbox((60, 60, 535, 780), f"<p>{' '.join([text] * times)}</p>")
        return page

    return draw


def _table() -> Page:
    page, chance = new_page(), random.Random(1)
    for row in range(24):
        for column in range(5):
            left, top = 60 + 95 * column, 80 + 28 * row
            page.draw_rect((left, top, left + 95, top + 28), width=0.6)
            text = chance.choice(PROSE)[:10] if column == 0 else f"{chance.uniform(1, 999):.2f}"
            page.insert_text((left + 5, top + 18), text, fontsize=10)
    return page


def _receipt() -> Page:
    page, chance = new_page(226, 560), random.Random(2)
    page.insert_text((40, 30), "CORNER SHOP", fontname="cobo", fontsize=14)
    for row in range(40):
        text = f"{chance.choice(PROSE).upper()[:10]:<12}{chance.randint(1, 9)} x {chance.uniform(1, 30):6.2f}"
        page.insert_text((14, 55 + 12 * row), text, fontname="cour", fontsize=9)
    return page


def _slide() -> Page:
    page = new_page(720, 405)
    page.draw_rect(page.rect, fill=(0.1, 0.1, 0.3))
    for row, text in enumerate(("Results of the year", "Revenue grew by 12 percent", "Costs stayed below plan")):
        page.insert_text((50, 90 + 80 * row), text, fontsize=30, fontname="hebo", color=(1, 1, 1))
    return page


SOUND: Mapping[str, Callable[[], Page]] = {
    "English": lambda: write_lines(new_page()),
    "capitals": lambda: write_lines(new_page(), map(str.upper, PROSE)),
    "a title only": lambda: write_lines(new_page(), ["Annual", "Report"], 1, fontsize=30),
    "German": _flow(_GERMAN, 8),
    "Greek": _flow(_GREEK, 8),
    "Cyrillic": _flow(_RUSSIAN, 8),
    "Hebrew": _flow(_HEBREW, 10),
    "Arabic": _flow(_ARABIC, 8),
    "Japanese": _flow(_JAPANESE, 10),
    "Korean": _flow(_KOREAN, 10),
    "Chinese": _flow(_CHINESE, 10),
    "formulas": _flow(_FORMULAS, 10),
    "table": _table,
    "receipt": _receipt,
    "white on dark": _slide,
}
"""Pages whose text layer is what they show, by what is on them."""


# --- layers that are not to be believed -------------------------------------------------------------------


def put_over_scan(page: Page, *, behind: bool = False, lines: int = 40) -> Page:
    """A page that is a scan of *page*, with its text invisible over it, or visible and *behind* it."""
    result = new_page()
    scan = draw_scan(page)
    if not behind:
        result.insert_image(result.rect, stream=scan)
    write_lines(result, lines=lines, render_mode=0 if behind else 3)
    if behind:
        result.insert_image(result.rect, stream=scan)
    return result


def encipher(page: Page, letters: Mapping[str, str]) -> Page:
    """Let the first font of a page say other letters than it shows, as a broken ToUnicode map does."""
    rows = "\n".join(f"<{ord(a):02x}> <{b.encode('utf-16-be').hex()}>" for a, b in letters.items())
    cmap = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def\n"
        "1 begincodespacerange <00> <ff> endcodespacerange\n"
        f"{len(letters)} beginbfchar\n{rows}\nendbfchar endcmap end end"
    )
    pdf = page.parent
    number = pdf.get_new_xref()
    pdf.update_object(number, "<<>>")
    pdf.update_stream(number, cmap.encode())
    pdf.xref_set_key(page.get_fonts()[0][0], "ToUnicode", f"{number} 0 R")
    return _pymupdf.open(stream=pdf.tobytes())[0]


def _exchange() -> dict[str, str]:
    """Another alphabet for each letter, chosen by chance."""
    letters = list(string.ascii_lowercase)
    random.Random(5).shuffle(letters)
    lower = dict(zip(string.ascii_lowercase, letters, strict=True))
    return lower | {a.upper(): b.upper() for a, b in lower.items()}


def _shift(text: str, by: int) -> str:
    return "".join(chr(ord(letter) + by) if letter.isalpha() else letter for letter in text)


def _half() -> Page:
    """Enciphered lines, and as many in another font that are sound."""
    page = write_lines(new_page(), lines=20)
    return write_lines(encipher(page, _exchange()), lines=20, top=450, fontname="helv")


def _paint_over() -> Page:
    page = write_lines(new_page())
    page.draw_rect((0, 60, 595, 800), color=None, fill=(1, 1, 1))
    return page


def _crowd() -> Page:
    page = new_page()
    page.insert_text((60, 60), "x", fontname="tiro", fontsize=4)
    pdf, number = page.parent, page.get_contents()[-1]
    line = b"BT /tiro 1 Tf 1 0 0 1 10 %d Tm (" + b"many words " * 100 + b") Tj ET\n"
    pdf.update_stream(number, bytes(pdf.xref_stream(number)) + b"".join(line % (20 + 3 * at) for at in range(240)))
    return pdf.reload_page(page)


_TO_SIGNS = dict(zip(string.ascii_lowercase, '!"#$%&*+/<=>@[\\]^`{|}~!#%&', strict=True))
_TO_PRIVATE = {letter: chr(0xF000 + ord(letter)) for letter in string.ascii_letters}
_MIXED = dict(zip(string.ascii_lowercase, "aбcγdжfσhкlμnпpρqтsυvцxψzя", strict=True))

WRONG: Mapping[str, tuple[Callable[[], Page], str]] = {
    "invisible over a scan": (lambda: put_over_scan(write_lines(new_page())), "invisible"),
    "behind a scan": (lambda: put_over_scan(write_lines(new_page()), behind=True), "hidden behind a picture"),
    "private letters": (lambda: encipher(write_lines(new_page()), _TO_PRIVATE), "does not tell which letters"),
    "unknown letters": (
        lambda: encipher(write_lines(new_page()), dict.fromkeys(string.ascii_letters, "\ufffd")),
        "does not tell which letters",
    ),
    "exchanged letters": (lambda: encipher(write_lines(new_page()), _exchange()), "those of no language"),
    "exchanged letters on half of the page": (_half, "those of no language"),
    "the next letter but two": (
        lambda: encipher(write_lines(new_page()), {a: chr(ord(a) + 3) for a in string.ascii_lowercase}),
        "those of no language",
    ),
    "signs for letters": (lambda: encipher(write_lines(new_page()), _TO_SIGNS), "signs instead of letters"),
    "letters of several alphabets": (lambda: encipher(write_lines(new_page()), _MIXED), "those of no language"),
    "always the same letter": (
        lambda: encipher(write_lines(new_page()), dict.fromkeys(string.ascii_lowercase, "x")),
        "those of no language",
    ),
    "other Greek letters": (_flow(_shift(_GREEK.lower(), 1), 8), "those of no language"),
    "other Cyrillic letters": (_flow(_shift(_RUSSIAN.lower(), 1), 8), "those of no language"),
    "other Hebrew letters": (_flow(_shift(_HEBREW.replace("ת", "א"), 1), 10), "those of no language"),
    "other ideographs": (_flow(_shift(_CHINESE, 29), 10), "those of no language"),
    "other Korean syllables": (_flow(_shift(_KOREAN, 1), 10), "those of no language"),
    "painted over": (_paint_over, "shows no print"),
    "white": (lambda: write_lines(new_page(), color=(1, 1, 1)), "shows no print"),
    "too much": (_crowd, "more than can be checked"),
}
"""Pages whose text layer is not what they show, by what is wrong, and words of the reason that is to be given."""
