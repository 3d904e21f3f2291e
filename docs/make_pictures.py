"""Makes ``page.png`` and ``terminal.svg`` from real runs with the embedded engine.

``python docs/make_pictures.py`` in a clone, with the extra ``[local]`` and ``pip install pyte``.
"""

from __future__ import annotations

import html
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pymupdf
import pyte
from PIL import Image

DOCS = Path(__file__).parent
EXAMPLES = DOCS.parent / "examples"
PROGRAM = [sys.executable, "-m", "visionocr"]

Line = list[pyte.screens.Char]
Frame = tuple[float, list[Line]]
"""Seconds from the start, and what the screen shows."""

COLUMNS, ROWS = 92, 19
CELL = (8.4, 17)
"""Width and height of a character in the recording, in pixels."""
LONGEST_PAUSE = 1.5
"""Seconds; a real wait that was longer is shortened to this."""
LAST_PAUSE = 6.0
"""Seconds for which the last screen stays."""
FONT = 'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"'
COLORS = {
    "default": "#d0d0d0", "black": "#555", "red": "#e06c75", "green": "#98c379", "brown": "#e5c07b",
    "blue": "#61afef", "magenta": "#c678dd", "cyan": "#56b6c2", "white": "#fff",
}  # fmt: skip


def draw_page() -> None:
    """Write ``page.png``: a page of the examples beside the Markdown that is read from it."""
    letter = EXAMPLES / "letter.pdf"
    command = [*PROGRAM, "pdf", "-q", letter.name, "--api-url", "local:"]
    read = subprocess.run(command, capture_output=True, check=True, cwd=EXAMPLES)
    with pymupdf.open(letter) as source, pymupdf.open() as target:
        page = target.new_page(width=1240, height=860)
        page.draw_rect(page.rect, fill=(0.93, 0.93, 0.94), color=None)
        left, right = pymupdf.Rect(20, 20, 590, 840), pymupdf.Rect(620, 20, 1220, 840)
        for area in (left, right):
            page.draw_rect(area, fill=(1, 1, 1), color=(0.8, 0.8, 0.82))
        page.show_pdf_page(left, source, 0, clip=pymupdf.Rect(40, 30, 560, 780))
        style = "font-family: monospace; font-size: 12.5px; white-space: pre-wrap; line-height: 1.35"
        inside = pymupdf.Rect(right.x0 + 18, right.y0 + 14, right.x1 - 18, right.y1 - 14)
        page.insert_htmlbox(inside, f'<div style="{style}">{_as_html(read.stdout.decode())}</div>')
        pixels = page.get_pixmap(dpi=90, colorspace=pymupdf.csGRAY)
        Image.frombytes("L", (pixels.width, pixels.height), pixels.samples).quantize(16).save(
            DOCS / "page.png", optimize=True
        )


def _as_html(markdown: str) -> str:
    """Text as HTML that keeps its lines."""
    return html.escape(markdown).replace("\n", "<br/>")


def record(commands: list[tuple[str, list[str]]], folder: Path) -> list[Frame]:
    """Run *commands* in a terminal, each with the text that is typed for it."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    frames: list[Frame] = []
    clock = 0.0

    def show(seconds: float) -> None:
        nonlocal clock
        lines = [[screen.buffer[row][column] for column in range(COLUMNS)] for row in range(ROWS)]
        if not frames or lines != frames[-1][1]:
            frames.append((clock, lines))
        clock += seconds

    for shown, command in commands:
        stream.feed(b"\x1b[32m$\x1b[0m ")
        show(0.6)
        for letter in shown:
            stream.feed(letter.encode())
            show(0.04)
        stream.feed(b"\r\n")
        show(0.3)
        began = time.monotonic()
        for seconds, chunk in _run(command, folder):
            stream.feed(chunk)
            show(min(max(seconds - began, 0.02), LONGEST_PAUSE))
            began = seconds
    show(0)
    return frames


def _run(command: list[str], folder: Path) -> Iterator[tuple[float, bytes]]:
    """The command's output as it comes, with the time of each piece."""
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": str(ROWS)}
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.execvpe(command[0], command, environment)
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:
            chunk = b""
        if not chunk:
            break
        yield time.monotonic(), chunk
    os.waitpid(process, 0)


def draw_recording(frames: list[Frame], path: Path) -> None:
    """Write the frames as an SVG that shows one after the other, forever."""
    total = frames[-1][0] + LAST_PAUSE
    width, height = COLUMNS * CELL[0] + 24, ROWS * CELL[1] + 44
    ends = [begin for begin, _ in frames[1:]] + [total]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" font-size="14" {FONT}>',
        f"<style>g{{visibility:hidden;animation:{total:.2f}s step-end infinite}}text{{white-space:pre}}",
    ]
    parts += [
        f"@keyframes f{number}{{0%{{visibility:{'visible' if begin == 0 else 'hidden'}}}"
        f"{begin / total:.4%}{{visibility:visible}}{end / total:.4%}{{visibility:hidden}}}}"
        f"#f{number}{{animation-name:f{number}}}"
        for number, ((begin, _), end) in enumerate(zip(frames, ends, strict=True))
    ]
    parts.append("@media (prefers-reduced-motion: reduce){g{animation:none}g:last-of-type{visibility:visible}}</style>")
    parts.append('<rect width="100%" height="100%" rx="8" fill="#1e2127"/>')
    buttons = ("red", "brown", "green")
    parts += [f'<circle cx="{18 + 18 * at}" cy="16" r="5" fill="{COLORS[name]}"/>' for at, name in enumerate(buttons)]
    for number, (_, lines) in enumerate(frames):
        parts.append(f'<g id="f{number}">')
        parts += [_draw_line(line, 44 + row * CELL[1]) for row, line in enumerate(lines)]
        parts.append("</g>")
    path.write_text("".join([*parts, "</svg>\n"]), "utf-8")


def _draw_line(line: Line, y: float) -> str:
    """A row of the terminal: one text element for each run of one colour."""
    found, begin = [], 0
    text = "".join(cell.data for cell in line)
    while begin < len(text.rstrip()):
        end = begin
        while end < len(line) and (line[end].fg, line[end].bold) == (line[begin].fg, line[begin].bold):
            end += 1
        run = text[begin:end]
        if run.strip():
            place = f'x="{12 + begin * CELL[0]:.1f}" y="{y:.0f}" fill="{_color(line[begin].fg)}"'
            weight = ' font-weight="bold"' if line[begin].bold else ""
            found.append(f"<text {place}{weight}>{html.escape(run.rstrip())}</text>")
        begin = end
    return "".join(found)


def _color(name: str) -> str:
    """A colour of the terminal, as SVG has it."""
    return f"#{name}" if re.fullmatch(r"[0-9a-f]{6}", name) else COLORS.get(name, COLORS["default"])


def main() -> None:
    """Make both."""
    draw_page()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for sample in ("letter.pdf", "photo.jpg"):
            shutil.copy(EXAMPLES / sample, folder)
        read = [*PROGRAM, "pdf", "letter.pdf", "photo.jpg", "-o", "texts/", "-f", "md,pdf", "--api-url", "local:"]
        commands = [
            ("visionocr pdf letter.pdf photo.jpg -o texts/ -f md,pdf", read),
            ("ls texts", ["ls", "texts"]),
            ("head -n 12 texts/letter.md", ["head", "-n", "12", "texts/letter.md"]),
        ]
        draw_recording(record(commands, folder), DOCS / "terminal.svg")


if __name__ == "__main__":
    main()
