"""What an eye chart showed, in statements for people: good, or wrong with what to do about it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from visionocr.check.chart_run import PAGE_CHARACTERS, ChartResult
from visionocr.check.diagnosis import Cause
from visionocr.check.score import dpi_for, points_at
from visionocr.job import Job
from visionocr.prompting import budget
from visionocr.types import Preset

PRINT = (12, 10, 8)
"""Points: the print of books, of letters, and of what is small. A page whose largest cannot be read is not read."""
_CLOSER = "Read crops of the page, or use a model that sees finer pictures (visionocr presets)."


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of a report."""

    topic: str
    good: bool
    text: str
    remedy: str = ""
    """What to do, where it is not good."""
    cause: Cause | None = None
    """What is wrong, for programs."""


def about_chart(chart_result: ChartResult, work: Job, *, captions: bool) -> Iterator[CheckResult]:
    """Everything that follows from an answer to the chart; for *captions* small print does not matter."""
    marks, found = chart_result.score, chart_result.diagnosis
    if marks.seen:
        cost = f"; the picture takes {chart_result.image_tokens} tokens" if chart_result.image_tokens else ""
        yield CheckResult("sight", True, f"{marks.read} of the chart's {marks.words} words were read{cost}")
    if not work.engine.server.reads_only:  # the embedded engine has neither template nor projector
        if found is None:
            text = "the answer holds no stray chat marks and ends where the chart ends"
            yield CheckResult("template", True, text)
        else:
            yield CheckResult("chart", False, found.symptom, found.remedy, found.cause)
            if not marks.seen:
                return
    yield from _about_print(chart_result, work, captions)
    if chart_result.page_seconds is not None:
        yield CheckResult(
            "speed",
            True,
            f"{chart_result.seconds:.1f} s for the chart, at most {chart_result.page_seconds:.1f} s for a full page of "
            f"{PAGE_CHARACTERS:,} characters: {chart_result.pages_per_hour:,} pages an hour or more",
        )


def about_clamp(kept: int, preset: Preset) -> str:
    """To what a server was seen to shrink pictures, and what to do where the model could use more."""
    return f"the server was seen to shrink pictures to {kept} px. {_unclamp(kept, preset)}".strip()


def _about_print(chart_result: ChartResult, work: Job, captions: bool) -> Iterator[CheckResult]:
    """What print can be read, and the resolution that it takes."""
    legible, dpi = chart_result.score.legible, chart_result.height / budget.A4_LENGTH
    sent = f"an A4 page is sent at {dpi:.0f} dpi, {chart_result.width} x {chart_result.height} px"
    remedy = _unclamp(work.clamped_side, work.question.preset) or _CLOSER
    if legible is None:
        good, text = captions, f"not even the largest words were read without mistakes; {sent}"
    else:
        least = points_at(legible, dpi)
        good = captions or least <= PRINT[0]
        can = f"print from {math.ceil(least)} pt can be read: letters of {legible:.1f} px, a small x measured"
        text = f"{can}; {sent}"
    yield CheckResult("print", True, text) if good else CheckResult("print", False, text, remedy, Cause.PRINT)
    if legible is not None:
        yield CheckResult("dpi", True, "; ".join(_advice(points, legible, dpi) for points in PRINT))


def _unclamp(kept: int | None, preset: Preset) -> str:
    """What to do where the server keeps less of a picture than the model could use; else empty."""
    useful = budget.find_better_side(preset, kept)
    return f"The model can use {useful} px: start KoboldCpp with --visionmaxres 2048." if useful else ""


def _advice(points: int, legible: float, dpi: float) -> str:
    """How to send print of a size: at which resolution, or in how many pieces of a page."""
    needed = dpi_for(legible, points)
    if points_at(legible, dpi) <= points:
        return f"{points} pt: --dpi {min(needed, math.floor(dpi))} is enough"
    pieces = math.ceil(needed / dpi)
    return f"{points} pt: {needed} dpi, so cut the page into {pieces} x {pieces}"
