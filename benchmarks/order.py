"""Reading order from boxes alone: character errors of pages whose order is known, without any reading.

The pages are those of ``layouts.py``, with boxes as an OCR engine finds them. What the layout rules make of the boxes
is compared with the text in the order in which it was set: all errors are errors of order. One seed is for working on
the rules, another is held out; for each layout the mean and the worst page are printed. With ``--skew`` the pages are
skewed by so many degrees.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from statistics import mean

from layout_text import page_text
from layouts import LAYOUTS, Sheet, boxes, draw, make, skewed

SEEDS = ("development", "unseen")
BULLETS = str.maketrans("•–", "--")
MOST = 1.0
"""Character errors in percent over all pages of a seed, at most."""


def edits(one: str, other: str) -> int:
    """Edit distance, by the bit-parallel method of Myers in Hyyrö's form: a row of the table is a number."""
    places: dict[str, int] = {}
    for at, char in enumerate(one):
        places[char] = places.get(char, 0) | 1 << at
    full = (1 << len(one)) - 1
    last = 1 << max(0, len(one) - 1)
    up, down, distance = full, 0, len(one)
    for char in other if one else "":
        equal = places.get(char, 0)
        diagonal = (((equal & up) + up) ^ up) | equal | down
        right, left = down | (full & ~(diagonal | up)), up & diagonal
        distance += bool(right & last) - bool(left & last)
        right = (right << 1 | 1) & full
        up, down = (left << 1 & full) | (full & ~(diagonal | right)), right & diagonal
    return distance if one else len(other)


def score(sheet: Sheet, skew: float = 0.0) -> float:
    """Character errors of a page that is skewed by so many degrees, in percent of its characters."""
    truth = " ".join(item.text for item in sheet.prints).translate(BULLETS)
    found = " ".join(page_text(skewed(boxes(sheet), skew), markdown=False).split()).translate(BULLETS)
    return 100 * edits(truth, found) / len(truth)


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=20, help="of each layout and seed")
    parser.add_argument("--seeds", nargs="*", default=SEEDS)
    parser.add_argument("--skew", type=float, default=0.0, help="degrees clockwise")
    parser.add_argument("--draw", type=Path, help="a folder for the pages as PDFs, named by their errors")
    options = parser.parse_args()
    print(f"{'':24}" + "".join(f"{seed:>16} {'worst':>6}" for seed in options.seeds))
    overall: dict[str, list[float]] = {seed: [] for seed in options.seeds}
    begun = time.perf_counter()
    for layout in LAYOUTS:
        row = f"{layout.__name__:24}"
        for seed in options.seeds:
            sheets = [make(layout, f"{seed} {number}") for number in range(options.pages)]
            scores = [score(sheet, options.skew) for sheet in sheets]
            overall[seed] += scores
            row += f"{mean(scores):16.1f} {max(scores):6.1f}"
            for number, sheet in enumerate(sheets if options.draw else ()):
                name = f"{layout.__name__}-{seed}-{number:02}-{scores[number]:04.1f}.pdf"
                draw(sheet, options.draw / name)
        print(row)
    print(f"{'all':24}" + "".join(f"{mean(scores):16.1f} {max(scores):6.1f}" for scores in overall.values()))
    print(f"{time.perf_counter() - begun:.0f} s")
    return 0 if all(mean(scores) <= MOST for scores in overall.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
