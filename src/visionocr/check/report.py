"""The report of a check: results in one sentence each, and what to do where something is wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from visionocr.check.diagnosis import Cause
from visionocr.check.eye_chart import PAGE_CHARACTERS, ChartResult, dpi_for, points_at
from visionocr.job import Job
from visionocr.prompting import budget
from visionocr.types import Preset, Server

PRINT = (12, 10, 8)
"""Points: the print of books, of letters, and small print."""
_CLOSER = "Read crops of the page, or use a model that sees finer pictures (visionocr presets)."


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of a report."""

    topic: str
    text: str
    remedy: str = ""
    """What to do, where it is not good."""
    cause: Cause | None = None
    """What is wrong; ``None``: nothing."""

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return self.cause is None


@dataclass(slots=True)
class Report:
    """What was found out about the server at one address."""

    url: str
    results: list[CheckResult] = field(default_factory=list)
    server: Server | None = None
    """``None``: none answered."""
    preset: str = ""
    chart_result: ChartResult | None = None
    """How the eye chart was read; ``None``: it was not shown."""

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return all(result.good for result in self.results)


def image_results(plan: budget.Plan, server: Server) -> Iterator[CheckResult]:
    """How large pictures are sent."""
    for note in plan.notes:
        yield CheckResult("note", note)
    text = f"at most {plan.spec.max_side} px on the long side, {server.max_images} a request"
    yield CheckResult("images", text)


def reading_results(chart_result: ChartResult, job: Job, captions: bool) -> Iterator[CheckResult]:
    """Everything that follows from an answer to the chart; for *captions* small print does not matter."""
    marks, found = chart_result.score, chart_result.diagnosis
    if marks.seen:
        cost = f"; the picture takes {chart_result.image_tokens} tokens" if chart_result.image_tokens else ""
        yield CheckResult("chart", f"{marks.read} of the chart's {marks.words} words were read{cost}")
    if not job.engine.server.reads_only:  # the embedded engine has neither template nor projector
        if found is None:
            text = "the answer holds no chat template tokens and ends where the chart ends"
            yield CheckResult("template", text)
        else:
            yield CheckResult("chart", found.symptom, found.remedy, found.cause)
            if not marks.seen:
                return
    yield from _print_results(chart_result, job, captions)
    if chart_result.page_seconds is not None:
        yield CheckResult(
            "speed",
            f"{chart_result.seconds:.1f} s for the chart, at most {chart_result.page_seconds:.1f} s for a full page of "
            f"{PAGE_CHARACTERS:,} characters: {chart_result.pages_per_hour:,} pages an hour or more",
        )


def _print_results(chart_result: ChartResult, job: Job, captions: bool) -> Iterator[CheckResult]:
    """What print can be read, and the resolution that it takes."""
    legible, dpi = chart_result.score.legible, chart_result.height / budget.A4_LENGTH
    sent = f"an A4 page is sent at {dpi:.0f} dpi, {chart_result.width} x {chart_result.height} px"
    if legible is None:
        good, text = captions, f"not even the largest words were read without mistakes; {sent}"
    else:
        least = points_at(legible, dpi)
        good = captions or least <= PRINT[0]
        can = f"print of {math.ceil(least)} pt and larger can be read (x-height {legible:.1f} px)"
        text = f"{can}; {sent}"
    if good:
        yield CheckResult("print", text)
    else:
        remedy = _hint_to_unclamp(job.clamped_side, job.question.preset)
        yield CheckResult("print", text, remedy or _CLOSER, Cause.PRINT)
    if legible is not None:
        yield CheckResult("dpi", "; ".join(_advise_dpi(points, legible, dpi) for points in PRINT))


def clamp_result(kept: int, preset: Preset) -> CheckResult:
    """The side in pixels to which a server shrinks pictures, and what to do where the model could use more."""
    text = f"the server shrinks pictures to {kept} px. {_hint_to_unclamp(kept, preset)}"
    return CheckResult("clamp", text.strip())


def unknown_clamp_result(server: Server) -> CheckResult:
    """What is assumed where the side to which a server shrinks pictures cannot be measured."""
    text = f"not known to how many px the server shrinks pictures: taken to be {server.assumed_side}"
    return CheckResult("clamp", f"{text}. If it keeps more, say how much with --max-side.")


def _hint_to_unclamp(kept: int | None, preset: Preset) -> str:
    """What to do where the server keeps less of a picture than the model could use; else empty."""
    useful = budget.find_better_side(preset, kept)
    return f"The model can use {useful} px: start KoboldCpp with --visionmaxres 2048." if useful else ""


def _advise_dpi(points: int, legible: float, dpi: float) -> str:
    """How to send print of a size: at which resolution, or in how many pieces of a page."""
    needed = dpi_for(legible, points)
    if points_at(legible, dpi) <= points:
        return f"{points} pt: --dpi {min(needed, math.floor(dpi))} is enough"
    pieces = math.ceil(needed / dpi)
    return f"{points} pt: needs {needed} dpi, so cut the page into {pieces} x {pieces}"
