"""Asks an engine for a page until the answer is good: build, ask, clean, judge, ask again differently."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from visionocr.answers.clean import clean
from visionocr.answers.judge import judge, score, status_of
from visionocr.answers.repetition import cut_loop, find_loop
from visionocr.answers.split import split_by_marks
from visionocr.errors import AnswerUnusable, DocumentError, RequestRefused, RequestTooLarge
from visionocr.prompting.budget import LEAST_SIDE
from visionocr.prompting.reask import resample, rescale
from visionocr.prompting.render import Question, build_request
from visionocr.types import (
    Asked,
    Completion,
    Engine,
    Finding,
    FindingKind,
    FinishReason,
    Observer,
    PageImage,
    PageRef,
    PageResult,
    Request,
    Sampler,
    Severity,
    Status,
    ignore,
)

Redraw = Callable[[PageImage, float], tuple[PageImage, ...]]
"""Makes the images of an image's page again, at a scale below 1. Raises ``DocumentError``."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A page to be asked for: its images, or the error or earlier result that makes asking unnecessary."""

    page: PageRef
    images: tuple[PageImage, ...] = ()
    error: DocumentError | None = None
    known: PageResult | None = None
    """Its result from an earlier run."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """The text of one image with the findings about it, and its cost."""

    text: str
    findings: tuple[Finding, ...]
    asks: int = 1
    retries: int = 0
    server: str = ""
    model: str = ""
    seconds: float = 0.0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None

    @property
    def is_good(self) -> bool:
        return status_of(self.findings) is Status.OK


class Asker:
    """Turns loaded pages into results. Stateless between pages, so several threads may share one."""

    def __init__(self, engine: Engine, question: Question, *, max_asks: int, observer: Observer = ignore) -> None:
        self._engine = engine
        self._question = question
        self._max_asks = max_asks
        self._observer = observer

    def read(self, group: Sequence[Loaded], redraw: Redraw | None = None) -> list[PageResult]:
        """One result for each page of *group*, in order.

        More than one page with one image each go into one request. Raises a ``ServerError`` only for errors that would
        meet every page: a server that is unreachable, refuses requests, or stays busy.
        """
        settled = {loaded.page: result for loaded in group if (result := _without_request(loaded)) is not None}
        open_ = [loaded for loaded in group if loaded.page not in settled]
        if len(open_) > 1 and all(len(loaded.images) == 1 for loaded in open_):
            results = self._read_batch(open_, redraw)
        else:
            results = [self._read_page(loaded, redraw) for loaded in open_]
        settled.update({result.page: result for result in results})
        return [settled[loaded.page] for loaded in group]

    def _read_page(self, loaded: Loaded, redraw: Redraw | None, earlier: _Answer | None = None) -> PageResult:
        # The parts of a strip were cut to fit; drawn smaller, they would be cut elsewhere.
        again = redraw if len(loaded.images) == 1 else None
        answers = [self._ask(image, again, earlier) for image in loaded.images]
        return self._result(loaded, answers)

    def _read_batch(self, group: Sequence[Loaded], redraw: Redraw | None) -> list[PageResult]:
        images = [loaded.images[0] for loaded in group]
        if self._too_large(images):
            return [self._read_page(loaded, redraw) for loaded in group]
        request = build_request(self._question, images)
        for loaded in group:
            self._observer(Asked(loaded.page, 1))
        try:
            completion = self._engine.complete(request)
        except (AnswerUnusable, RequestRefused):
            return [self._read_page(loaded, redraw) for loaded in group]
        texts = split_by_marks(self._clean(completion.text, request), len(group))
        if texts is None:
            note = Finding(
                FindingKind.MARKS,
                "the page marks of a batch were missing or out of order: its pages were read one by one",
                Severity.INFO,
            )
            return [_with_finding(self._read_page(loaded, redraw), note) for loaded in group]
        results = []
        for index, (loaded, text) in enumerate(zip(group, texts, strict=True)):
            # The finish reason concerns the last page only; the token counts are those of the whole request.
            own = completion if index == len(group) - 1 else replace(completion, finish_reason=FinishReason.STOP)
            answer = _share(self._judge(own, self._clean(text, request), request), index, len(group))
            good = answer.is_good
            results.append(self._result(loaded, [answer]) if good else self._read_page(loaded, redraw, answer))
        return results

    def _ask(self, image: PageImage, redraw: Redraw | None, earlier: _Answer | None = None) -> _Answer:
        """The best answer within ``max_asks``; *earlier* is an answer from a batch, which counts as an ask."""
        best, spent = earlier, [earlier] if earlier else []
        for ask in range(len(spent) + 1, max(self._max_asks, len(spent) + 1) + 1):
            findings = spent[-1].findings if spent else ()
            image = _choose_image(image, redraw, ask)
            sampler = resample(self._question.sampler, ask, findings)
            self._observer(Asked(image.page, ask, findings[0].message if findings else ""))
            image, answer, final = self._ask_once(image, redraw, sampler, ask)
            spent.append(answer)
            if best is None or score(answer.findings, answer.text) > score(best.findings, best.text):
                best = answer
            if answer.is_good or final:
                break
        assert best is not None
        return _without_loop(_with_total_cost(best, spent))

    def _ask_once(
        self, image: PageImage, redraw: Redraw | None, sampler: Sampler, ask: int
    ) -> tuple[PageImage, _Answer, bool]:
        """One ask, with ever smaller images until the server takes one. That image, and what ``_complete`` returns."""
        while True:
            try:
                request = build_request(self._question, [image], sampler)
                return image, *self._complete(replace(request, deep=ask > 1))
            except RequestTooLarge as error:
                smaller = _redraw(image, redraw, error.scale)
                if not LEAST_SIDE <= max(smaller.width, smaller.height) < max(image.width, image.height):
                    return image, _make_failure(f"{error.message}. {error.hint}"), True
                image = smaller

    def _complete(self, request: Request) -> tuple[_Answer, bool]:
        """One ask. The second value says whether asking again is pointless. Raises ``RequestTooLarge``."""
        try:
            completion = self._engine.complete(request)
        except AnswerUnusable as error:
            return _make_failure(error.message), False
        except RequestTooLarge:
            raise
        except RequestRefused as error:
            return _make_failure(error.message), True
        return self._judge(completion, self._clean(completion.text, request), request), completion.final

    def _judge(self, completion: Completion, text: str, request: Request) -> _Answer:
        return _Answer(
            text=text,
            findings=judge(completion, text, request),
            retries=completion.retries,
            server=completion.server,
            model=completion.model,
            seconds=completion.seconds,
            prompt_tokens=completion.prompt_tokens,
            completion_tokens=completion.completion_tokens,
        )

    def _clean(self, text: str, request: Request) -> str:
        return clean(text, stop_sequences=request.stop_sequences, chat=request.prompt.chat)

    def _result(self, loaded: Loaded, answers: Sequence[_Answer]) -> PageResult:
        findings = (*loaded.images[0].findings, *(finding for answer in answers for finding in answer.findings))
        status = status_of(findings)
        joint = "\n\n" if self._question.task.markdown else "\n"
        text = joint.join(answer.text for answer in answers if answer.text)
        if status is Status.FAILED and text and any(answer.is_good for answer in answers):
            status = Status.SUSPECT  # of a page in several parts some were read: they are not thrown away
        return PageResult(
            page=loaded.page,
            text="" if status is Status.FAILED else text,
            status=status,
            findings=_unique(findings),
            asks=sum(answer.asks for answer in answers),
            retries=sum(answer.retries for answer in answers),
            server=answers[-1].server or self._engine.server.url,
            model=answers[-1].model or self._engine.server.model,
            seconds=sum(answer.seconds for answer in answers),
            prompt_tokens=_total(answer.prompt_tokens for answer in answers),
            completion_tokens=_total(answer.completion_tokens for answer in answers),
            width=loaded.images[0].width,
            height=loaded.images[0].height,
        )

    def _too_large(self, images: Iterable[PageImage]) -> bool:
        limit = self._engine.server.max_body
        return limit is not None and sum(len(image.data) for image in images) * 4 // 3 > limit * 0.95


def _without_request(loaded: Loaded) -> PageResult | None:
    """The result of a page for which there is nothing to ask."""
    if loaded.known is not None:
        return loaded.known
    if loaded.error is not None:
        return unreadable(loaded.page, loaded.error)
    if all(image.blank for image in loaded.images):
        image = loaded.images[0]
        return PageResult(loaded.page, "", Status.BLANK, image.findings, width=image.width, height=image.height)
    return None


def _choose_image(image: PageImage, redraw: Redraw | None, ask: int) -> PageImage:
    """The image for the *ask*-th ask: rendered smaller where the ladder says so and the page is one image."""
    return _redraw(image, redraw, rescale(ask))


def _redraw(image: PageImage, redraw: Redraw | None, scale: float) -> PageImage:
    """The image at another *scale*; the same one where that is not possible."""
    if redraw is None or scale == 1.0:
        return image
    try:
        images = redraw(image, scale)
    except DocumentError:
        return image
    return images[0] if len(images) == 1 else image


def unreadable(page: PageRef, error: DocumentError) -> PageResult:
    """The result of a page, or of a whole document, that could not be opened or rendered."""
    return PageResult(page, "", Status.FAILED, (Finding(FindingKind.UNREADABLE, error.message, Severity.FAILED),))


def _make_failure(message: str) -> _Answer:
    return _Answer("", (Finding(FindingKind.SERVER, message, Severity.FAILED),))


def _without_loop(answer: _Answer) -> _Answer:
    """The answer with one copy of a loop's piece: the finding mentions the others."""
    if not any(finding.kind is FindingKind.REPETITION for finding in answer.findings):
        return answer
    loop = find_loop(answer.text, ended=False)
    return answer if loop is None else replace(answer, text=cut_loop(answer.text, loop))


def _with_total_cost(best: _Answer, spent: Sequence[_Answer]) -> _Answer:
    """*best* with the cost of everything that was asked on the way to it."""
    return replace(
        best,
        asks=sum(answer.asks for answer in spent),
        retries=sum(answer.retries for answer in spent),
        seconds=sum(answer.seconds for answer in spent),
        prompt_tokens=_total(answer.prompt_tokens for answer in spent),
        completion_tokens=_total(answer.completion_tokens for answer in spent),
    )


def _share(answer: _Answer, index: int, count: int) -> _Answer:
    """*answer* with its part of what a request with *count* pages cost, so that sums over pages stay true."""

    def part(total: int | None) -> int | None:
        return None if total is None else total // count + (index < total % count)

    return replace(
        answer,
        seconds=answer.seconds / count,
        retries=answer.retries if index == 0 else 0,
        prompt_tokens=part(answer.prompt_tokens),
        completion_tokens=part(answer.completion_tokens),
    )


def _with_finding(result: PageResult, finding: Finding) -> PageResult:
    return replace(result, findings=(finding, *result.findings), asks=result.asks + 1)


def _unique(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(dict.fromkeys(findings))


def _total(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
