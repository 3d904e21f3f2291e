"""Generates scanned and drawn sheets of paper, blank or with very little content, for tests of blank detection.

A page is drawn from a seed alone. Measures are millimetres of an A4 sheet; ``unit`` is pixels per millimetre.
"""

from __future__ import annotations

import io
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Any

import pymupdf
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

_mupdf: Any = pymupdf
SIDES = (600, 842, 1024, 842, 1240, 700, 1024, 1600, 842, 2500)
"""Longest sides in pixels of the rasters, in turn."""
_HEIGHT = 297.0
_WIDTH = 210.0
_POINT = 25.4 / 72
"""Millimetres."""
_TEXT = """the agreement dated 14 March 2019 between both parties of which page invoice total 1,284.50 amount due
before Herr Müller received your letter and kindly asks for further notice concerning room 217 see chapter four while
nothing else was found in archive box number 33 signed copy to follow"""

Sheet = Image.Image
Brush = Callable[[Sheet, random.Random], Sheet]


@dataclass(frozen=True, slots=True)
class Sample:
    """One page in a file, what is on it, and how large its raster is to be."""

    kind: str
    blank: bool
    name: str
    data: bytes
    pdf: bool
    side: int


# --- paper and scanner artefacts ------------------------------------------------------------------------


def unit(sheet: Sheet) -> float:
    """Pixels per millimetre."""
    return max(sheet.size) / _HEIGHT


def paper(rng: random.Random, side: int, tint: float = 0.5) -> Sheet:
    """A bare sheet: white, or with a chance of *tint* of the colour of some kind of paper."""
    size = (round(side * _WIDTH / _HEIGHT), side)
    if rng.random() >= tint:
        return Image.new("RGB", size, (255, 255, 255))
    light = rng.randint(205, 252)
    return Image.new("RGB", size, (light, light - rng.randint(0, 9), light - rng.randint(0, 32)))


def _uneven(sheet: Sheet, rng: random.Random) -> Sheet:
    """Add slow variations of brightness to a sheet."""
    coarse = Image.frombytes("L", (5, 7), bytes(rng.randint(120, 136) for _ in range(35)))
    return _shift(sheet, coarse.resize(sheet.size, Image.Resampling.BICUBIC))


def _shift(sheet: Sheet, change: Sheet) -> Sheet:
    """Every channel lighter or darker by what *change* (grey) has more or less than 128."""
    return ImageChops.add(sheet, Image.merge("RGB", (change,) * 3), 1, -128)


@cache
def _normal(sigma: float) -> list[int]:
    """Makes noise of a normal distribution around 128 out of even noise."""
    normal = NormalDist(128, sigma)
    return [max(0, min(255, round(normal.inv_cdf((i + 0.5) / 256)))) for i in range(256)]


def noise(sheet: Sheet, rng: random.Random, sigma: float, grain: float = 1.0) -> Sheet:
    """The noise of a sensor, *sigma* levels; its grains are *grain* pixels wide."""
    size = (math.ceil(sheet.width / grain), math.ceil(sheet.height / grain))
    # The sum of two has the long tails that 256 steps cannot have.
    part = _normal(round(sigma / math.sqrt(2), 1))
    one, two = (Image.frombytes("L", size, rng.randbytes(size[0] * size[1])).point(part) for _ in range(2))
    field = ImageChops.add(one, two, 1, -128)
    return _shift(sheet, field if grain == 1 else field.resize(sheet.size, Image.Resampling.BICUBIC))


def gradient(sheet: Sheet, rng: random.Random) -> Sheet:
    """Light from one side."""
    dark = rng.randint(15, 90)
    ramp = Image.linear_gradient("L").point([round(128 - dark * i / 255) for i in range(256)])
    return _shift(sheet, ramp.rotate(rng.choice((0, 90, 180, 270))).resize(sheet.size, Image.Resampling.BICUBIC))


def shadow(sheet: Sheet, rng: random.Random) -> Sheet:
    """The dark of a book's fold, or of a sheet that does not lie flat, along one side."""
    dark, reach = rng.randint(40, 150), rng.uniform(6, 25) * unit(sheet)
    along = rng.choice(("left", "right", "top", "bottom"))
    length = sheet.width if along in ("left", "right") else sheet.height
    levels = bytes(round(128 - min(128, dark * math.exp(-3 * x / reach))) for x in range(length))
    ramp = Image.frombytes("L", (length, 1), levels)
    turns = {"left": 0, "bottom": 90, "right": 180, "top": 270}
    return _shift(sheet, ramp.rotate(turns[along], expand=True).resize(sheet.size))


def border(sheet: Sheet, rng: random.Random) -> Sheet:
    """Add the dark scanner lid around a sheet that lies askew or is smaller than the glass."""
    lid = rng.choice(((0, 0, 0), (22, 20, 21), (70, 70, 74), (128, 126, 120)))
    canvas = Image.new("RGB", sheet.size, lid)
    w, h = sheet.size
    d = [rng.choice((0.0, rng.uniform(0.5, 7))) * unit(sheet) for _ in range(4)]
    lean = math.tan(math.radians(rng.uniform(-1.5, 1.5)))
    edge = [
        *((d[0], d[1]), (w - d[2], d[1] + lean * w), (w - d[2] - lean * h, h - d[3] + lean * w)),
        (d[0] - lean * h, h - d[3]),
    ]
    mask = Image.new("L", (w * 2, h * 2))
    ImageDraw.Draw(mask).polygon([(x * 2, y * 2) for x, y in edge], fill=255)
    canvas.paste(sheet, mask=mask.reduce(2))
    return canvas


def holes(sheet: Sheet, rng: random.Random) -> Sheet:
    """Two or four punched holes near one side, through which the lid is seen."""
    u = unit(sheet)
    radius, inset = rng.uniform(2.4, 3.2) * u, rng.uniform(8, 13) * u
    shade = rng.choice((0, 30, 90, 160))
    pitch, count = rng.choice(((80.0, 2), (80.0, 4), (108.0, 3)))
    middle, at_side = sheet.height / 2, rng.random() < 0.8
    lean = rng.uniform(-0.02, 0.02)
    for i in range(count):
        along = middle + (i - (count - 1) / 2) * pitch * u * (1 if at_side else 0.6)
        across = inset + lean * (along - middle)
        place = (across, along) if at_side else (along * sheet.width / sheet.height, across)
        _blot(sheet, place, radius, radius, (shade,) * 3)
    return sheet.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else sheet


def _blot(sheet: Sheet, at: tuple[float, float], rx: float, ry: float, colour: tuple[int, ...]) -> None:
    """A soft-edged ellipse."""
    fine = 4
    w, h = math.ceil(rx * 2) + 4, math.ceil(ry * 2) + 4
    mask = Image.new("L", (w * fine, h * fine))
    x, y = at[0] % 1 * fine, at[1] % 1 * fine
    mx, my = w * fine / 2 + x, h * fine / 2 + y
    ImageDraw.Draw(mask).ellipse((mx - rx * fine, my - ry * fine, mx + rx * fine, my + ry * fine), fill=255)
    sheet.paste(colour, (int(at[0]) - w // 2, int(at[1]) - h // 2), mask.reduce(fine))


def specks(sheet: Sheet, rng: random.Random) -> Sheet:
    """Dust: grains of up to 0.6 mm, dark or light grey, anywhere."""
    u = unit(sheet)
    for _ in range(rng.randint(5, 90)):
        size = min(0.3, rng.expovariate(8)) * u
        at = (rng.uniform(0, sheet.width), rng.uniform(0, sheet.height))
        _blot(sheet, at, max(0.4, size), max(0.4, size * rng.uniform(0.6, 1)), (rng.randint(10, 190),) * 3)
    return sheet


def pepper(sheet: Sheet, rng: random.Random) -> Sheet:
    """Single black pixels, as of a scan in black and white."""
    share = rng.uniform(0.0002, 0.004)
    draw = ImageDraw.Draw(sheet)
    for _ in range(int(share * sheet.width * sheet.height)):
        draw.point((rng.randrange(sheet.width), rng.randrange(sheet.height)), fill=(rng.choice((0, 40, 120)),) * 3)
    return sheet


def folds(sheet: Sheet, rng: random.Random) -> Sheet:
    """Lines where the sheet was folded, with a lighter or darker side."""
    u = unit(sheet)
    w, h = sheet.size
    change = Image.new("L", (w * 2, h * 2), 128)
    draw = ImageDraw.Draw(change)
    for share in rng.choice(((0.5,), (1 / 3, 2 / 3), (0.5, 0.25))):
        lean, depth = rng.uniform(-0.012, 0.012), rng.randint(8, 55)
        thick = max(1, round(rng.uniform(0.2, 0.6) * u * 2))
        level = rng.random() < 0.6

        def place(offset: float, level: bool = level, share: float = share, lean: float = lean) -> list[float]:
            if level:
                return [0, h * 2 * share + offset, w * 2, h * 2 * (share + lean) + offset]
            return [w * 2 * share + offset, 0, w * 2 * (share + lean) + offset, h * 2]

        draw.line(place(0), fill=128 - depth, width=thick)
        draw.line(place(thick), fill=128 + depth // 2, width=thick)
    return _shift(sheet, change.reduce(2))


def staple(sheet: Sheet, rng: random.Random) -> Sheet:
    """A staple in a corner, or the two little holes that it left."""
    u = unit(sheet)
    x, y = rng.uniform(8, 18) * u, rng.uniform(8, 18) * u
    turn, length = rng.uniform(-1.0, 0.3), rng.uniform(10, 13) * u
    x2, y2 = x + length * math.cos(turn), y - length * math.sin(turn)
    shade = rng.randint(20, 130)
    if rng.random() < 0.5:
        _stroke(sheet, [(x, y), (x2, y2)], 0.5 * u, (shade,) * 3)
    else:
        for at in ((x, y), (x2, y2)):
            _blot(sheet, at, max(0.5, 0.35 * u), max(0.5, 0.3 * u), (shade,) * 3)
    return sheet


def reverse(sheet: Sheet, rng: random.Random) -> Sheet:
    """Add show-through: the writing of the other side, mirrored, soft and faint."""
    u = unit(sheet)
    back = Image.new("L", sheet.size, 255)
    draw = ImageDraw.Draw(back)
    size = rng.uniform(8, 14) * _POINT * u
    face = ImageFont.load_default(size)
    y = 25 * u
    while y < rng.uniform(0.3, 1) * sheet.height - 25 * u:
        draw.text((22 * u, y), _sentence(rng, rng.randint(6, 16)), font=face, fill=0)
        y += size * rng.choice((1.3, 1.3, 1.3, 2.6))
    if rng.random() < 0.4:
        draw.rectangle((30 * u, 150 * u, 120 * u, 200 * u), fill=rng.randint(60, 180))
    soft = back.transpose(Image.Transpose.FLIP_LEFT_RIGHT).filter(ImageFilter.GaussianBlur(rng.uniform(0.25, 0.5) * u))
    strength = rng.uniform(5, 15) / 255
    return _shift(sheet, soft.point([round(128 - strength * (255 - i)) for i in range(256)]))


def squeezed(sheet: Sheet, rng: random.Random) -> Sheet:
    """Through a JPEG of low quality."""
    return _jpeg(sheet, rng.randint(20, 60))


def _jpeg(sheet: Sheet, quality: int) -> Sheet:
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def scanned(sheet: Sheet, rng: random.Random) -> Sheet:
    """Apply the artefacts of every scan: uneven light, noise, sometimes JPEG compression."""
    sheet = noise(_uneven(sheet, rng), rng, rng.uniform(0.5, 4), rng.choice((1, 1, 1.6)))
    return _jpeg(sheet, rng.randint(60, 90)) if rng.random() < 0.4 else sheet


# --- content --------------------------------------------------------------------------------------------


def _sentence(rng: random.Random, words: int) -> str:
    return " ".join(rng.choice(_TEXT.split()) for _ in range(words))


def write(
    sheet: Sheet,
    text: str,
    points: float,
    at: tuple[float, float],
    colour: tuple[int, ...],
    turn: float = 0.0,
    margin: float = 4.0,
) -> Sheet:
    """A line of print of so many *points*, at a place given as shares of the free width and height."""
    u, fine = unit(sheet), 3
    face = ImageFont.load_default(points * _POINT * u * fine)
    box = face.getbbox(text)
    mask = Image.new("L", (math.ceil(box[2]) + 2 * fine, math.ceil(box[3]) + 2 * fine))
    ImageDraw.Draw(mask).text((fine, fine), text, font=face, fill=255)
    if turn:
        mask = mask.rotate(turn, Image.Resampling.BICUBIC, expand=True)
    mask = mask.reduce(fine)
    margin *= u
    x = margin + at[0] * max(0.0, sheet.width - 2 * margin - mask.width)
    y = margin + at[1] * max(0.0, sheet.height - 2 * margin - mask.height)
    sheet.paste(colour, (round(x), round(y)), mask)
    return sheet


def _place(rng: random.Random) -> tuple[float, float]:
    """Anywhere, and often at an edge."""
    return rng.choice((0.0, 1.0, 0.5, rng.random())), rng.choice((0.0, 1.0, 0.5, rng.random(), rng.random()))


def one_line(sheet: Sheet, rng: random.Random) -> Sheet:
    """A line of black or dark print."""
    return write(sheet, _sentence(rng, rng.randint(2, 9)), rng.uniform(6, 12), _place(rng), (rng.randint(0, 90),) * 3)


def one_word(sheet: Sheet, rng: random.Random) -> Sheet:
    """A single short word of small print."""
    return write(sheet, rng.choice(("yes", "over", "Fin", "blank", "void")), rng.uniform(6, 9), _place(rng), (30,) * 3)


def page_number(sheet: Sheet, rng: random.Random) -> Sheet:
    """Nothing but its number."""
    number = rng.choice(("2", "7", "14", "– 3 –", "iv", "Page 8", "5/6", "328"))
    place = (rng.choice((0.0, 0.5, 1.0)), rng.choice((0.0, 0.02, 0.97, 1.0)))
    return write(sheet, number, rng.uniform(8, 12), place, (rng.randint(0, 70),) * 3)


def inner_number(sheet: Sheet, rng: random.Random) -> Sheet:
    """A page number that borders and holes leave visible."""
    place = (rng.choice((0.0, 0.5, 1.0)), rng.choice((0.0, 1.0)))
    return write(sheet, str(rng.randint(2, 400)), rng.uniform(8, 12), place, (rng.randint(0, 70),) * 3, margin=22)


def light_grey(sheet: Sheet, rng: random.Random) -> Sheet:
    """A line in light grey."""
    paper_grey = sheet.convert("L").getpixel((0, 0))
    assert isinstance(paper_grey, (int, float))
    shade = round(paper_grey - rng.uniform(50, 85))
    return write(sheet, _sentence(rng, rng.randint(3, 9)), rng.uniform(6, 12), _place(rng), (shade,) * 3)


def coloured(sheet: Sheet, rng: random.Random) -> Sheet:
    """A line in a colour, light ones among them."""
    palette = ((255, 230, 0), (255, 150, 150), (120, 200, 255), (0, 160, 80), (200, 0, 0), (255, 170, 40), (0, 0, 200))
    return write(sheet, _sentence(rng, rng.randint(3, 9)), rng.uniform(7, 12), _place(rng), rng.choice(palette))


def same_grey(sheet: Sheet, rng: random.Random) -> Sheet:
    """A line that differs from its ground by its colour only."""
    ground = Image.new("RGB", sheet.size, (64, 160, 64))
    return write(ground, _sentence(rng, rng.randint(3, 9)), rng.uniform(11, 14), _place(rng), (224, 80, 80))


def white_on_dark(sheet: Sheet, rng: random.Random) -> Sheet:
    """A light line on a dark page, or on a dark band that reaches the edges."""
    dark = rng.choice(((0, 0, 0), (20, 30, 80), (60, 60, 60), (110, 20, 30)))
    light = (rng.randint(170, 255),) * 3
    text, points = _sentence(rng, rng.randint(2, 8)), rng.uniform(7, 12)
    if rng.random() < 0.6:
        return write(Image.new("RGB", sheet.size, dark), text, points, _place(rng), light)
    band = Image.new("RGB", (sheet.width, round(14 * unit(sheet))), dark)
    at_top = rng.random() < 0.5
    at = 0 if at_top else sheet.height - band.height
    sheet.paste(band, (0, at))
    return write(sheet, text, points, (rng.random(), 0.006 if at_top else 0.994), light)


def turned(sheet: Sheet, rng: random.Random) -> Sheet:
    """A line that lies a little askew, or upright."""
    turn = rng.choice((rng.uniform(-4, 4), rng.uniform(-4, 4), 90, 45))
    return write(sheet, _sentence(rng, rng.randint(3, 8)), rng.uniform(6, 12), _place(rng), (40,) * 3, turn)


def stamp(sheet: Sheet, rng: random.Random) -> Sheet:
    """A faint rubber stamp: a frame or a ring with a word, unevenly inked."""
    u, fine = unit(sheet), 3
    w, h = round(rng.uniform(25, 60) * u), round(rng.uniform(12, 30) * u)
    mask = Image.new("L", (w * fine, h * fine))
    draw = ImageDraw.Draw(mask)
    frame = (fine * 2, fine * 2, (w - 2) * fine, (h - 2) * fine)
    line = max(1, round(0.5 * u * fine))
    shape = rng.choice((draw.rectangle, draw.ellipse))
    shape(frame, outline=255, width=line)
    face = ImageFont.load_default(4.2 * u * fine)
    draw.text((w * fine / 2, h * fine / 2), rng.choice(("PAID", "RECEIVED", "COPY")), font=face, fill=255, anchor="mm")
    worn = Image.frombytes("L", (16, 8), bytes(rng.randint(60, 255) for _ in range(128)))
    mask = ImageChops.multiply(mask, worn.resize(mask.size, Image.Resampling.BICUBIC))
    mask = mask.rotate(rng.uniform(-12, 12), Image.Resampling.BICUBIC, expand=True).reduce(fine)
    mask = mask.point([round(i * rng.uniform(0.35, 0.37)) for i in range(256)])
    at = [
        round(rng.uniform(5 * u, max(5 * u, side - own - 5 * u)))
        for side, own in zip(sheet.size, mask.size, strict=True)
    ]
    sheet.paste(rng.choice(((150, 20, 40), (40, 40, 160), (30, 30, 30))), (at[0], at[1]), mask)
    return sheet


def _stroke(sheet: Sheet, points: list[tuple[float, float]], thick: float, colour: tuple[int, ...]) -> None:
    """A smooth line of even thickness in pixels."""
    fine, pad = 3, 6
    left, top = int(min(x for x, _ in points)) - pad, int(min(y for _, y in points)) - pad
    w, h = int(max(x for x, _ in points)) + pad - left, int(max(y for _, y in points)) + pad - top
    mask = Image.new("L", (w * fine, h * fine))
    places = [((x - left) * fine, (y - top) * fine) for x, y in points]
    ImageDraw.Draw(mask).line(places, fill=255, width=max(1, round(thick * fine)), joint="curve")
    sheet.paste(colour, (left, top), mask.reduce(fine))


def _loops(rng: random.Random, count: int, height: float, at: tuple[float, float]) -> list[tuple[float, float]]:
    """The path of a pen that writes joined letters."""
    path, x = [], at[0]
    for _ in range(count):
        wide, tall = rng.uniform(0.5, 1.1) * height, rng.choice((0.5, 0.6, 1.0, 1.5)) * height
        for step in range(16):
            a = step / 16 * math.tau
            path.append((x + wide * (step / 16 + 0.25 * math.sin(a)), at[1] - tall * (1 - math.cos(a)) / 2))
        x += wide
    return path


def _pen(sheet: Sheet, rng: random.Random, height: float, letters: int, colour: tuple[int, ...], thick: float) -> Sheet:
    u = unit(sheet)
    reach = letters * height * u * 1.4
    at = (rng.uniform(8 * u, max(8 * u, sheet.width - reach)), rng.uniform(12 * u, sheet.height - 12 * u))
    _stroke(sheet, _loops(rng, letters, height * u, at), thick * u, colour)
    return sheet


def signature(sheet: Sheet, rng: random.Random) -> Sheet:
    """A name written by hand in blue or black ink."""
    colour = rng.choice(((20, 30, 120), (30, 30, 35), (60, 80, 170)))
    return _pen(sheet, rng, rng.uniform(4, 8), rng.randint(4, 9), colour, rng.uniform(0.3, 0.7))


def handwriting(sheet: Sheet, rng: random.Random) -> Sheet:
    """A small word by hand, in ink or pencil."""
    shade = rng.randint(60, 165)
    return _pen(sheet, rng, rng.uniform(2, 3.5), rng.randint(3, 6), (shade,) * 3, rng.uniform(0.3, 0.5))


def photo(sheet: Sheet, rng: random.Random) -> Sheet:
    """A photograph: shapes, shades and textures, alone on the sheet or filling it."""
    full = rng.random() < 0.4
    w, h = (
        sheet.size
        if full
        else (round(sheet.width * rng.uniform(0.12, 0.6)), round(sheet.height * rng.uniform(0.1, 0.4)))
    )
    scene = Image.new("RGB", (w, h))
    for cells, weight in ((3, 1.0), (9, 0.5), (40, 0.3)):
        coarse = Image.frombytes("RGB", (cells, cells), rng.randbytes(3 * cells * cells))
        scene = Image.blend(scene, coarse.resize((w, h), Image.Resampling.BICUBIC), weight)
    draw = ImageDraw.Draw(scene)
    for _ in range(6):
        x, y, r = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0.03, 0.2) * w
        draw.ellipse((x - r, y - r, x + r, y + r), fill=tuple(rng.randbytes(3)))
    scene = scene.filter(ImageFilter.GaussianBlur(rng.choice((0.5, 1.0, 2.5)) * unit(sheet) / 3))
    sheet.paste(scene, (rng.randint(0, sheet.width - w), rng.randint(0, sheet.height - h)))
    return sheet


BLANK: dict[str, tuple[Brush, ...]] = {
    "white": (),
    "noise": (lambda s, r: noise(s, r, r.uniform(1, 8), r.choice((1, 1, 1.5, 2.5))),),
    "gradient": (gradient, scanned),
    "shadow": (shadow, scanned),
    "border": (border, scanned),
    "holes": (holes, scanned),
    "specks": (specks, scanned),
    "pepper": (pepper,),
    "folds": (folds, scanned),
    "staple": (staple, scanned),
    "show-through": (reverse, scanned),
    "jpeg": (scanned, squeezed),
    "everything": (reverse, folds, specks, staple, holes, shadow, border, scanned),
}
"""What is done to a bare sheet, in order; there is still nothing to read on it."""
WRITTEN: dict[str, tuple[Brush, ...]] = {
    "line": (one_line,),
    "word": (one_word, scanned),
    "page number": (page_number,),
    "light grey": (light_grey,),
    "colour": (coloured,),
    "same grey": (same_grey,),
    "white on dark": (white_on_dark,),
    "turned": (turned,),
    "stamp": (stamp, scanned),
    "signature": (signature, scanned),
    "handwriting": (handwriting, scanned),
    "photo": (photo,),
    "line on noise": (one_line, lambda s, r: noise(s, r, r.uniform(2, 7))),
    "grey on scan": (light_grey, scanned),
    "number on a scan": (inner_number, folds, specks, staple, holes, shadow, border, scanned),
    "line on show-through": (reverse, one_line, scanned),
}
"""The same for sheets on which there is something."""


def sheet_of(kind: str, rng: random.Random, side: int) -> Sheet:
    """A drawn sheet of one of the kinds."""
    brushes = (BLANK | WRITTEN)[kind]
    sheet = paper(rng, side)
    for brush in brushes:
        sheet = brush(sheet, rng)
    return sheet if rng.random() < 0.8 else sheet.transpose(Image.Transpose.ROTATE_90)


def samples(kind: str, seed: int, count: int) -> Iterator[Sample]:
    """So many pages of a kind. Every third is a PDF that holds the scan; of some, every third is drawn by the PDF."""
    blank = kind in BLANK
    first = [*BLANK, *WRITTEN].index(kind)
    # JPEG keeps colours at half the resolution: it would smear what differs in colour only.
    lossless = kind == "same grey"
    for turn in range(count):
        rng = random.Random(f"{seed} {kind} {turn}")
        side = SIDES[(turn + first) % len(SIDES)]
        name = f"{kind} {turn} at {side}"
        if kind in _VECTORS and turn % 3 == 0:
            yield Sample(kind, blank, f"{name}, drawn", _VECTORS[kind](rng), True, side)
            continue
        sheet = sheet_of(kind, rng, side)
        pdf = turn % 3 == 1
        yield Sample(kind, blank, name, (_pdf_of if pdf else _file_of)(sheet, rng, lossless), pdf, side)


def _file_of(sheet: Sheet, rng: random.Random, lossless: bool) -> bytes:
    buffer = io.BytesIO()
    if lossless or rng.random() < 0.5:
        sheet.save(buffer, "PNG", compress_level=0)
    else:
        sheet.save(buffer, "JPEG", quality=rng.randint(70, 95))
    return buffer.getvalue()


def _pdf_of(sheet: Sheet, rng: random.Random, lossless: bool) -> bytes:
    """A PDF with the scan on its page."""
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG" if lossless else "JPEG", quality=rng.randint(80, 90))
    pdf = _mupdf.open()
    wide = sheet.width > sheet.height
    page = pdf.new_page(width=842 if wide else 595, height=595 if wide else 842)
    page.insert_image(page.rect, stream=buffer.getvalue())
    return bytes(pdf.tobytes(no_new_id=True))


def _vector(rng: random.Random, text: str, points: float, colour: tuple[float, ...]) -> bytes:
    """A PDF that draws one line of print itself."""
    pdf = _mupdf.open()
    page = pdf.new_page(width=595, height=842)
    if text:
        length = _mupdf.get_text_length(text, "helv", points)
        at = _place(rng)
        place = (10 + at[0] * max(0.0, 575 - length), 12 + points + at[1] * (820 - points))
        page.insert_text(place, text, fontsize=points, fontname="helv", color=colour)
    return bytes(pdf.tobytes(no_new_id=True))


_VECTORS: dict[str, Callable[[random.Random], bytes]] = {
    "white": lambda r: _vector(r, "", 0, ()),
    "line": lambda r: _vector(r, _sentence(r, r.randint(2, 9)), r.uniform(6, 12), (0, 0, 0)),
    "page number": lambda r: _vector(r, str(r.randint(2, 999)), r.uniform(8, 12), (0, 0, 0)),
    "light grey": lambda r: _vector(r, _sentence(r, r.randint(3, 9)), r.uniform(6, 12), (0.75, 0.75, 0.75)),
    "colour": lambda r: _vector(r, _sentence(r, r.randint(3, 9)), r.uniform(7, 12), (1, 0.85, 0)),
}
"""Kinds of which every third page is not a scan."""
