# mypy: disable-error-code="no-untyped-call"
"""Make the sample documents of this folder, and the texts that they are known to hold.

    python examples/make_samples.py [--out DIR]

The words are in the public domain:

* ``letter``: Bram Stoker, "Dracula" (1897), chapter VIII, the letter of 17 August. The table under it is ours.
* ``columns``: Edward Gibbon, "The History of the Decline and Fall of the Roman Empire", volume I (1776),
  chapter I, in the spelling of later editions, with four of its notes.
* ``photo``: Lewis Carroll, "Alice's Adventures in Wonderland" (1865), chapter I, in the wording of later editions.

Every run makes the same pages: the fonts are those inside PyMuPDF, and the noise has a fixed seed.
"""

from __future__ import annotations

import argparse
import io
import math
import random
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

import pymupdf
from PIL import Image, ImageChops, ImageDraw, ImageFilter

# --- the words: a paragraph a block; a block may begin with its ``.class``; pages end with a form feed --------

LETTER = """
.head SAMUEL F. BILLINGTON & SON

.under Solicitors, Whitby

.right 17 August

Messrs. Carter, Paterson & Co., London

Dear Sirs,

Herewith please receive invoice of goods sent by Great Northern Railway. Same are to be delivered at
Carfax, near Purfleet, immediately on receipt at goods station King's Cross. The house is at present
empty, but enclosed please find keys, all of which are labelled.

You will please deposit the boxes, fifty in number, which form the consignment, in the partially
ruined building forming part of the house and marked 'A' on rough diagram enclosed. Your agent will
easily recognise the locality, as it is the ancient chapel of the mansion. The goods leave by the
train at 9:30 to-night, and will be due at King's Cross at 4:30 to-morrow afternoon. As our client
wishes the delivery made as soon as possible, we shall be obliged by your having teams ready at
King's Cross at the time named and forthwith conveying the goods to destination. In order to obviate
any delays possible through any routine requirements as to payment in your departments, we enclose
cheque herewith for ten pounds (£10), receipt of which please acknowledge. Should the charge be less
than this amount, you can return balance; if greater, we shall at once send cheque for difference on
hearing from you. You are to leave the keys on coming away in the main hall of the house, where the
proprietor may get them on his entering the house by means of his duplicate key.

Pray do not take us as exceeding the bounds of business courtesy in pressing you in all ways to use
the utmost expedition.

.sign We are, dear Sirs,

.sign Faithfully yours,

.sign SAMUEL F. BILLINGTON & SON

.table
Goods | Boxes, fifty in number
Leave Whitby | 9:30 to-night
Due at King's Cross | 4:30 to-morrow afternoon
Enclosed | Invoice, keys, diagram, cheque for £10
"""

COLUMNS = """
.head The Decline and Fall of the Roman Empire

.under Chapter I. The Extent of the Empire in the Age of the Antonines

In the second century of the Christian Era, the empire of Rome comprehended the fairest part of the
earth, and the most civilized portion of mankind. The frontiers of that extensive monarchy were
guarded by ancient renown and disciplined valor. The gentle but powerful influence of laws and
manners had gradually cemented the union of the provinces. Their peaceful inhabitants enjoyed and
abused the advantages of wealth and luxury. The image of a free constitution was preserved with
decent reverence: the Roman senate appeared to possess the sovereign authority, and devolved on the
emperors all the executive powers of government. During a happy period of more than fourscore years,
the public administration was conducted by the virtue and abilities of Nerva, Trajan, Hadrian, and
the two Antonines. It is the design of this, and of the two succeeding chapters, to describe the
prosperous condition of their empire; and afterwards, from the death of Marcus Antoninus, to deduce
the most important circumstances of its decline and fall; a revolution which will ever be
remembered, and is still felt by the nations of the earth.

The principal conquests of the Romans were achieved under the republic; and the emperors, for the
most part, were satisfied with preserving those dominions which had been acquired by the policy of
the senate, the active emulation of the consuls, and the martial enthusiasm of the people. The seven
first centuries were filled with a rapid succession of triumphs; but it was reserved for Augustus to
relinquish the ambitious design of subduing the whole earth, and to introduce a spirit of moderation
into the public councils. Inclined to peace by his temper and situation, it was easy for him to
discover that Rome, in her present exalted situation, had much less to hope than to fear from the
chance of arms; and that, in the prosecution of remote wars, the undertaking became every day more
difficult, the event more doubtful, and the possession more precarious, and less beneficial. The
experience of Augustus added weight to these salutary reflections, and effectually convinced him
that, by the prudent vigor of his counsels, it would be easy to secure every concession which the
safety or the dignity of Rome might require from the most formidable barbarians. Instead of exposing
his person and his legions to the arrows of the Parthians, he obtained, by an honorable treaty, the
restitution of the standards and prisoners which had been taken in the defeat of Crassus.*

His generals, in the early part of his reign, attempted the reduction of Ethiopia and Arabia Felix.
They marched near a thousand miles to the south of the tropic; but the heat of the climate soon
repelled the invaders, and protected the unwarlike natives of those sequestered regions. The
northern countries of Europe scarcely deserved the expense and labor of conquest. The forests and
morasses of Germany were filled with a hardy race of barbarians, who despised life when it was
separated from freedom; and though, on the first attack, they seemed to yield to the weight of the
Roman power, they soon, by a signal act of despair, regained their independence, and reminded
Augustus of the vicissitude of fortune. On the death of that emperor, his testament was publicly
read in the senate. He bequeathed, as a valuable legacy to his successors, the advice of confining
the empire within those limits which nature seemed to have placed as its permanent bulwarks and
boundaries: on the west, the Atlantic Ocean; the Rhine and Danube on the north; the Euphrates on the
east; and towards the south, the sandy deserts of Arabia and Africa.†

.note * Dion Cassius, (l. liv. p. 736), with the annotations of Reimar, who has collected all that
Roman vanity has left upon the subject. The marble of Ancyra, on which Augustus recorded his own
exploits, asserted that he compelled the Parthians to restore the ensigns of Crassus.

.note † Tacit. Annal. l. ii. Dion Cassius, l. lvi. p. 833, and the speech of Augustus himself, in
Julian's Caesars. It receives great light from the learned notes of his French translator, M.
Spanheim.
\f
Happily for the repose of mankind, the moderate system recommended by the wisdom of Augustus was
adopted by the fears and vices of his immediate successors. Engaged in the pursuit of pleasure, or
in the exercise of tyranny, the first Caesars seldom showed themselves to the armies, or to the
provinces; nor were they disposed to suffer, that those triumphs which their indolence neglected,
should be usurped by the conduct and valor of their lieutenants. The military fame of a subject was
considered as an insolent invasion of the Imperial prerogative; and it became the duty, as well as
interest, of every Roman general, to guard the frontiers entrusted to his care, without aspiring to
conquests which might have proved no less fatal to himself than to the vanquished barbarians.*

The only accession which the Roman empire received, during the first century of the Christian Era,
was the province of Britain. In this single instance, the successors of Caesar and Augustus were
persuaded to follow the example of the former, rather than the precept of the latter. The proximity
of its situation to the coast of Gaul seemed to invite their arms; the pleasing though doubtful
intelligence of a pearl fishery, attracted their avarice; and as Britain was viewed in the light of
a distinct and insulated world, the conquest scarcely formed any exception to the general system of
continental measures. After a war of about forty years, undertaken by the most stupid, maintained by
the most dissolute, and terminated by the most timid of all the emperors, the far greater part of
the island submitted to the Roman yoke.† The various tribes of Britain possessed valor without
conduct, and the love of freedom without the spirit of union. They took up arms with savage
fierceness; they laid them down, or turned them against each other, with wild inconsistency; and
while they fought singly, they were successively subdued. Neither the fortitude of Caractacus, nor
the despair of Boadicea, nor the fanaticism of the Druids, could avert the slavery of their country,
or resist the steady progress of the Imperial generals, who maintained the national glory, when the
throne was disgraced by the weakest, or the most vicious of mankind. At the very time when Domitian,
confined to his palace, felt the terrors which he inspired, his legions, under the command of the
virtuous Agricola, defeated the collected force of the Caledonians, at the foot of the Grampian
Hills; and his fleets, venturing to explore an unknown and dangerous navigation, displayed the Roman
arms round every part of the island.

.note * Germanicus, Suetonius Paulinus, and Agricola were checked and recalled in the course of
their victories. Corbulo was put to death. Military merit, as it is admirably expressed by Tacitus,
was, in the strictest sense of the word, imperatoria virtus.

.note † See the admirable abridgment given by Tacitus, in the life of Agricola, and copiously,
though perhaps not completely, illustrated by our own antiquarians, Camden and Horsley.
"""

PHOTO = """
.under CHAPTER I.

.head Down the Rabbit-Hole

Alice was beginning to get very tired of sitting by her sister on the bank, and of having nothing to
do: once or twice she had peeped into the book her sister was reading, but it had no pictures or
conversations in it, "and what is the use of a book," thought Alice "without pictures or
conversations?"

So she was considering in her own mind (as well as she could, for the hot day made her feel very
sleepy and stupid), whether the pleasure of making a daisy-chain would be worth the trouble of
getting up and picking the daisies, when suddenly a White Rabbit with pink eyes ran close by her.

There was nothing so very remarkable in that; nor did Alice think it so very much out of the way to
hear the Rabbit say to itself, "Oh dear! Oh dear! I shall be late!" (when she thought it over
afterwards, it occurred to her that she ought to have wondered at this, but at the time it all
seemed quite natural); but when the Rabbit actually took a watch out of its waistcoat-pocket, and
looked at it, and then hurried on, Alice started to her feet, for it flashed across her mind that
she had never before seen a rabbit with either a waistcoat-pocket, or a watch to take out of it, and
burning with curiosity, she ran across the field after it, and fortunately was just in time to
see it pop down a large rabbit-hole under the hedge.

In another moment down went Alice after it, never once considering how in the world she was to get
out again.
"""

LETTER_CSS = """
body { margin: 0; font-family: Courier; font-size: 11pt; line-height: 1.3 }
p { margin: 0 0 11pt 0 }
.head { text-align: center; font-family: Times; font-weight: bold; font-size: 18pt; margin: 0 0 2pt 0 }
.under { text-align: center; margin: 0 0 20pt 0 }
.right { text-align: right }
.sign { margin: 0 0 5pt 230pt }
table { border-collapse: collapse; width: 100%; margin-top: 14pt }
td { border: 0.8pt solid black; padding: 3pt 6pt }
"""
COLUMNS_CSS = """
body { margin: 0; font-family: Times; font-size: 11pt; line-height: 1.25 }
p { margin: 0; text-align: justify; text-indent: 12pt }
.head { font-size: 20pt; font-weight: bold; text-align: center; text-indent: 0; margin: 0 0 4pt 0 }
.under { font-size: 12pt; font-style: italic; text-align: center; text-indent: 0 }
.note { font-size: 8.5pt; text-indent: 0; margin: 0 0 2pt 0 }
"""
PHOTO_CSS = """
body { margin: 0; font-family: Times; font-size: 13pt; line-height: 1.3 }
p { margin: 0; text-align: justify; text-indent: 14pt }
.head { font-size: 17pt; text-align: center; text-indent: 0; margin: 0 0 16pt 0 }
.under { font-size: 11pt; text-align: center; text-indent: 0; margin: 0 0 5pt 0 }
"""

Block = tuple[str, str]
"""A class and a text. The text of a ``table`` has a row a line and " | " between cells."""
Rect = tuple[float, float, float, float]
Page = list[tuple[list[Block], list[Rect]]]
"""Blocks, and the rectangles that they flow through."""


# --- typesetting ----------------------------------------------------------------------------------------------


def blocks(text: str) -> list[Block]:
    """The paragraphs of a text with their classes; the class is ``para`` when none is given."""
    found = []
    for block in text.strip().split("\n\n"):
        kind, rest = block[1:].split(maxsplit=1) if block.startswith(".") else ("para", block)
        found.append((kind, rest if kind == "table" else rest.replace("\n", " ")))
    return found


def plain(text: str) -> str:
    """The known text: a paragraph a line, an empty line between two, pages ended by form feeds."""
    pages = [[words.replace(" | ", "  ") for _, words in blocks(page)] for page in text.split("\f")]
    return "\f".join("\n\n".join(page) + "\n" for page in pages)


def html(page: Iterable[Block]) -> str:
    """The blocks as HTML."""
    parts = []
    for kind, text in page:
        if kind == "table":
            rows = ["".join(f"<td>{escape(cell)}</td>" for cell in row.split(" | ")) for row in text.splitlines()]
            parts.append("<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>")
        else:
            parts.append(f'<p class="{kind}">{escape(text)}</p>')
    return "".join(parts)


def flow(page: Iterable[Block], css: str, rects: Iterable[Rect], device: Any = None) -> bool:
    """Set the blocks into rectangles, one after the other; say whether all of them found room."""
    story = pymupdf.Story(html(page), user_css=css)
    for rect in rects:
        more, filled = story.place(rect)
        story.draw(device)
        if not more:
            return bool(filled[3] <= rect[3] + 1)
    return False


def typeset(pages: Iterable[Page], paper: str, css: str) -> Any:
    """A PDF document of these pages. Text that finds no room is an error."""
    buffer = io.BytesIO()
    writer = pymupdf.DocumentWriter(buffer)
    for page in pages:
        device = writer.begin_page(pymupdf.paper_rect(paper))
        for texts, rects in page:
            if not flow(texts, css, rects, device):
                raise ValueError(f"no room for: {texts[0][1][:60]}")
        writer.end_page()
    writer.close()
    return pymupdf.open("pdf", buffer.getvalue())


def render(page: Any, dpi: int, *, black: int, white: int) -> Image.Image:
    """A page as a grey picture, with ink and paper of these levels."""
    pixmap = page.get_pixmap(dpi=dpi, colorspace=pymupdf.csGRAY)
    image = Image.frombytes("L", (pixmap.width, pixmap.height), pixmap.samples)
    return image.point([black + round(level * (white - black) / 255) for level in range(256)])


def save_pdf(document: Any, path: Path, title: str) -> None:
    """Write a PDF, small and without a date."""
    document.set_metadata({"title": title})
    document.subset_fonts()
    document.save(path, garbage=4, deflate=True, no_new_id=True)


# --- light and dirt -------------------------------------------------------------------------------------------


def add_noise(image: Image.Image, strength: int, seed: int) -> Image.Image:
    """The picture with grey noise of up to *strength* levels."""
    width, height = image.size
    noise = Image.frombytes("L", image.size, random.Random(seed).randbytes(width * height))
    noise = noise.point([round(level * 2 * strength / 255) for level in range(256)])
    return ImageChops.add(image, noise.convert(image.mode), offset=-strength)


def lay_on_table(page: Image.Image, width: int, height: int) -> Image.Image:
    """A cream page with its shadow, in the middle of a wooden table."""
    table = Image.new("RGB", (width, height))
    for y in range(height):
        grain = round(8 * math.sin(y / 37) + 6 * math.sin(y / 11) + 3 * math.sin(y / 2.3))
        table.paste((112 + grain, 82 + grain, 60 + grain), (0, y, width, y + 1))
    left, top = (width - page.width) // 2, (height - page.height) // 2
    shadow = Image.new("L", table.size)
    shadow.paste(170, (left + 8, top + 12, left + page.width + 14, top + page.height + 18))
    table.paste((25, 18, 12), mask=shadow.filter(ImageFilter.GaussianBlur(14)))
    cream = [page.point([round(level * tone) for level in range(256)]) for tone in (1, 0.97, 0.9)]
    table.paste(Image.merge("RGB", cream), (left, top))
    return table


def look_at(scene: Image.Image, width: int, height: int) -> Image.Image:
    """The middle of a scene, turned by 1.2 degrees and leaning away at the top and a little to the right."""
    cos, sin = 1.04 * math.cos(math.radians(1.2)), 1.04 * math.sin(math.radians(1.2))
    lean_x, lean_y = -0.00002, 0.00007
    x, y = width / 2, height / 2  # of the photograph's middle; the scene's:
    scene_x, scene_y = scene.width / 2, scene.height / 2
    unit = 1 - lean_x * x - lean_y * y
    matrix = [
        cos + scene_x * lean_x,
        sin + scene_x * lean_y,
        scene_x * unit - cos * x - sin * y,
        -sin + scene_y * lean_x,
        cos + scene_y * lean_y,
        scene_y * unit + sin * x - cos * y,
        lean_x,
        lean_y,
    ]
    coefficients = [value / unit for value in matrix]
    return scene.transform((width, height), Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC)


def light_up(photo: Image.Image) -> Image.Image:
    """The picture under a lamp that stands to the upper left: it gets darker towards the far corner."""
    width, height = photo.size
    lamp = Image.radial_gradient("L").resize((width * 3, height * 3), Image.Resampling.BICUBIC)
    left, top = width * 6 // 5, height * 5 // 4
    lamp = lamp.crop((left, top, left + width, top + height))
    lamp = lamp.point([min(255, 278 - round(level * 0.72)) for level in range(256)])
    return ImageChops.multiply(photo, lamp.convert("RGB"))


# --- the samples ----------------------------------------------------------------------------------------------


def make_letter(out: Path) -> None:
    """``letter.pdf``: a clean scan, one grey picture on an A4 page."""
    document = typeset([[(blocks(LETTER), [(72, 72, 523, 800)])]], "a4", LETTER_CSS)
    scan = render(document[0], 200, black=12, white=245).filter(ImageFilter.GaussianBlur(0.6))
    scan = scan.rotate(0.25, Image.Resampling.BICUBIC, fillcolor=245)
    jpeg = io.BytesIO()
    add_noise(scan, 4, seed=1).save(jpeg, "JPEG", quality=60, dpi=(200, 200))
    paper = pymupdf.paper_rect("a4")
    pdf = pymupdf.open()
    pdf.new_page(width=paper.width, height=paper.height).insert_image(paper, stream=jpeg.getvalue())
    save_pdf(pdf, out / "letter.pdf", "Letter")
    (out / "letter.txt").write_text(plain(LETTER), encoding="utf-8", newline="\n")


def make_columns(out: Path) -> None:
    """``columns.pdf``: two pages of real text in two columns, with notes at the foot."""
    pages: list[Page] = []
    for text in COLUMNS.split("\f"):
        page = blocks(text)
        head = [block for block in page if block[0] in ("head", "under")]
        body = [block for block in page if block[0] == "para"]
        foot = [block for block in page if block[0] == "note"]
        top, height = (140 if head else 72), 2.0  # PyMuPDF loses text when a rectangle holds lines to the point
        columns: list[Rect] = []
        while not flow(body, COLUMNS_CSS, columns):
            height += 13.75  # a line
            columns = [(60, top, 286, top + height), (309, top, 535, top + height)]
        boxes: Page = [(body, columns), (foot, [(60, 745, 535, 800)])]
        pages.append([(head, [(60, 72, 535, top)]), *boxes] if head else boxes)
    document = typeset(pages, "a4", COLUMNS_CSS)
    for sheet in document:
        sheet.draw_line((60, 738), (160, 738), width=0.5)
    save_pdf(document, out / "columns.pdf", "The Decline and Fall of the Roman Empire")
    (out / "columns.txt").write_text(plain(COLUMNS), encoding="utf-8", newline="\n")


def make_photo(out: Path) -> None:
    """``photo.jpg``: a page of a book, photographed sideways; the EXIF orientation says how to turn it."""
    document = typeset([[(blocks(PHOTO), [(50, 56, 370, 555)])]], "a5", PHOTO_CSS)
    page = render(document[0], 180, black=30, white=252)
    photo = light_up(look_at(lay_on_table(page, 2000, 2600), 1200, 1600)).filter(ImageFilter.GaussianBlur(0.7))
    exif = Image.Exif()
    exif[0x0112] = 6  # the orientation: turn it clockwise by 90 degrees
    photo = add_noise(photo, 7, seed=2).transpose(Image.Transpose.ROTATE_90)
    photo.save(out / "photo.jpg", quality=80, exif=exif)
    (out / "photo.txt").write_text(plain(PHOTO), encoding="utf-8", newline="\n")


def make_picture(out: Path) -> None:
    """``picture.png``: a red house, a tree, the sun and a lake; drawn three times as large, then shrunk."""
    image = Image.new("RGB", (2400, 1800), "#bfe3f7")
    draw = ImageDraw.Draw(image)

    def at(*values: int) -> list[int]:
        return [3 * value for value in values]

    draw.ellipse(at(640, 40, 740, 140), fill="#ffd23f")  # sun
    draw.polygon(at(0, 330, 180, 200, 380, 330), fill="#9cbf9a")  # hills
    draw.polygon(at(230, 330, 500, 190, 820, 330), fill="#8bb28c")
    draw.rectangle(at(0, 320, 800, 600), fill="#6fb65b")  # meadow
    draw.ellipse(at(370, 455, 760, 570), fill="#2f7fd1")  # lake
    draw.rectangle(at(130, 270, 350, 450), fill="#d0342c")  # house
    draw.polygon(at(105, 270, 240, 165, 375, 270), fill="#6b3a2a")
    draw.rectangle(at(218, 360, 262, 450), fill="#5a3825")
    for x in (152, 283):
        draw.rectangle(at(x, 305, x + 45, 350), fill="#fff3b8", outline="#ffffff", width=12)
    draw.rectangle(at(508, 300, 536, 430), fill="#7a5230")  # tree
    for box in ((450, 220, 550, 320), (495, 220, 595, 320), (472, 165, 572, 265)):
        draw.ellipse(at(*box), fill="#2e7d32")
    image.resize((800, 600), Image.Resampling.LANCZOS).save(out / "picture.png", optimize=True)


def main() -> None:
    """Make all samples."""
    parser = argparse.ArgumentParser(description="Make the sample documents.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write to (default: here)")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for make in (make_letter, make_columns, make_photo, make_picture):
        make(out)


if __name__ == "__main__":
    main()
