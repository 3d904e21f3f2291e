"""Weighs an answer against what is known of its page without the model."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from visionocr.answers.align import Alignment, align
from visionocr.answers.letters import script_of
from visionocr.answers.print_check import judge_by_print
from visionocr.answers.same_words import has_same_words
from visionocr.answers.verdict import weigh
from visionocr.boxes import Box, TextLine
from visionocr.evidence import Doubt, Evidence, Reference, Source
from visionocr.layout.lines import from_text_lines, to_text_line
from visionocr.layout.order import read_order
from visionocr.types import Finding, FindingKind, Severity

READABLE = 0.95
"""Confidence of a page below which its second reader is no witness: on blurred pages of 60 dpi it missed a tenth of the
words."""
FOREIGN = 0.1
"""Share of an answer's letters in scripts of which the second reader shows none, from which on it cannot read them."""
PAPER = (595.0, 842.0)
"""Width and height of a page whose own are not known."""
MOST_TWINS = 20
"""Lines of the same text with which a line is compared, the last ones: bounds the time of hostile pages."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What comparing an answer with its page brought."""

    findings: tuple[Finding, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    """Places where both disagree: those in the answer in its order, then lines of the page."""
    checked_with: str = ""
    """``text-layer``, ``second-reader`` or ``print``; empty: with nothing."""


def compare(
    text: str, reference: Reference | None, evidence: Evidence | None, *, markdown: bool, region: Box
) -> Comparison:
    """Compare an answer with the page's words where they are known, else with how much print the page holds.

    *reference*: a text layer that may be believed, or what a second reader found. *markdown*: the answer is Markdown.
    *region*: the part of the page that was asked for; lines whose middle lies outside do not count.
    """
    if not text.strip():
        return Comparison()
    findings: tuple[Finding, ...] = ()
    lines = lines_inside(reference, region) if reference else ()
    if reference and reference.source is Source.SECOND_READER:
        lines = in_reading_order(lines, evidence)

    def compare_print() -> tuple[Finding, ...] | None:
        return None if evidence is None else judge_by_print(text, evidence, markdown=markdown, region=region)

    if reference and lines:
        is_layer = reference.source is Source.TEXT_LAYER
        is_partial = is_layer and evidence is not None and not evidence.is_complete
        found: tuple[Finding, ...] = ()
        doubts: tuple[Doubt, ...] = ()
        weakness = ""
        if not (is_layer and has_same_words(text, lines, markdown=markdown)):
            alignment = align(text, lines, markdown=markdown)
            weakness = _find_weakness(reference, alignment)
            found, doubts = ((), ()) if weakness else weigh(alignment, reference.source, is_partial=is_partial)
        if not weakness:
            by_print = compare_print() if is_partial else None
            return Comparison((*found, *(by_print or ())), doubts, str(reference.source))
        findings = (Finding(FindingKind.LOW_CONFIDENCE, weakness, Severity.INFO),)
    by_print = compare_print()
    if by_print is None:
        return Comparison(findings)
    return Comparison((*findings, *by_print), checked_with="print")


def lines_inside(reference: Reference, region: Box) -> tuple[TextLine, ...]:
    """The lines whose middle lies inside *region*, each once: PDFs draw shadows and bold letters by doubling them."""
    found: dict[str, list[TextLine]] = {}
    lines = []
    for line in reference.lines:
        across, down = _middle(line.box)
        if not (region.left <= across <= region.right and region.top <= down <= region.bottom):
            continue
        twins = found.setdefault(line.text, [])
        if not any(_lies_on(line.box, twin.box) for twin in twins[-MOST_TWINS:]):
            twins.append(line)
            lines.append(line)
    return tuple(lines)


def in_reading_order(lines: tuple[TextLine, ...], evidence: Evidence | None) -> tuple[TextLine, ...]:
    """The lines as they are read: engines give them in the order in which they found them."""
    width, height = (evidence.width, evidence.height) if evidence else PAPER
    ordered = read_order(from_text_lines(lines, width, height), width, height)
    return tuple(to_text_line(line, width, height) for block in ordered for line in block)


def _middle(box: Box) -> tuple[float, float]:
    return (box.left + box.right) / 2, (box.top + box.bottom) / 2


def _lies_on(box: Box, other: Box) -> bool:
    """Whether two boxes of the same text are hardly apart."""
    (across, down), (there, below) = _middle(box), _middle(other)
    height = box.bottom - box.top
    return abs(down - below) < height / 2 and abs(across - there) < height


def _find_weakness(reference: Reference, alignment: Alignment) -> str:
    """Why a second reader is no witness for this page; empty when it is one."""
    if reference.source is not Source.SECOND_READER:
        return ""
    if reference.confidence < READABLE:
        return f"The second reader could not check this page: its confidence is {reference.confidence:.2f} of 1."
    scripts = {script_of(char) for word in alignment.page_words for char in word.letters}
    foreign = Counter(script for word in alignment.words for char in word.letters if (script := script_of(char)))
    count = sum(number for script, number in foreign.items() if script not in scripts)
    # An answer in another script than the page's would leave what the second reader did read.
    left = sum(len(word.letters) for word in alignment.page_words if not word.is_claimed)
    if count > FOREIGN * foreign.total() and 2 * left < count:
        name = max((script for script in foreign if script not in scripts), key=lambda script: foreign[script])
        return f"The second reader could not check this page: it cannot read its script ({name.title()})."
    return ""
