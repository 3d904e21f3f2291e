"""Asks an engine for the record of a document until it is good, a few pages at once, and merges what came."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from visionocr.answers.judge import status_of
from visionocr.checking import Checker
from visionocr.errors import AnswerUnusable, RequestRefused
from visionocr.extraction.merge import merge
from visionocr.extraction.repair import repair
from visionocr.extraction.schema import RecordSchema, relax
from visionocr.loaded import Loaded, unreadable
from visionocr.page_answer import add_costs, add_known, make_failure
from visionocr.prompting.budget import RESERVE
from visionocr.prompting.reask import Redraw, resample
from visionocr.prompting.render import Question, build_request
from visionocr.record_answer import (
    Form,
    KnownPage,
    RecordAnswer,
    describe_error,
    judge_answer,
    judge_record,
    write_result,
)
from visionocr.types import (
    Asked,
    Completion,
    Engine,
    Finding,
    FindingKind,
    Notice,
    Observer,
    PageImage,
    PageResult,
    Request,
    Severity,
    Status,
    ignore,
)

_BODY_SHARE = 0.95
"""Of the largest body, for pictures; the rest is for the text."""
_CORRECTION = "Your last answer could not be used:\n{}\nAnswer again with the whole record."
_MOST_SHOWN = 10
"""Problems of an answer that the model is told."""


class Extractor:
    """Turns loaded documents into results whose text is JSON: a ``PageAsker``. Several threads may share one."""

    keeps_lines = False

    def __init__(
        self,
        engine: Engine,
        question: Question,
        schema: RecordSchema,
        *,
        max_asks: int,
        most_images: int,
        is_enforced: bool = True,
        check_sums: bool = False,
        checker: Checker | None = None,
        observer: Observer = ignore,
    ) -> None:
        """*most_images* a request. *is_enforced*: send the form of the answer; some servers refuse that.

        Raises ``ConfigurationError`` for a schema that cannot be validated against.
        """
        self._engine, self._question, self._observer = engine, question, observer
        self._whole = Form.of(schema.record, schema.judged, check_sums=check_sums)
        self._part = Form.of(relax(schema.record))  # sums of some of the pages mean nothing
        self._max_asks, self._most_images, self._is_enforced = max_asks, most_images, is_enforced
        self._checker = checker or Checker()

    def read(self, group: Sequence[Loaded], redraw: Redraw | None = None) -> list[PageResult]:  # noqa: ARG002
        """One result for each document of *group*.

        Raises a ``ServerError`` only for errors that would meet every document.
        """
        return [self._extract(loaded) for loaded in group]

    def _extract(self, loaded: Loaded) -> PageResult:
        if loaded.known is not None:
            return loaded.known
        if loaded.error is not None:
            return unreadable(loaded.page, loaded.error)
        images = [image for image in loaded.images if not image.blank]
        if not images:
            return PageResult(loaded.page, "", Status.BLANK, loaded.images[0].findings)
        pages = {
            number: KnownPage(number, self._checker.begin([image for image in images if image.page.number == number]))
            for number in dict.fromkeys(image.page.number for image in images)
        }
        return self._finish(loaded, images, pages, self._ask_all(images, pages))

    # --- asking --------------------------------------------------------------------------------------------

    def _ask_all(self, images: Sequence[PageImage], pages: dict[int, KnownPage]) -> list[RecordAnswer]:
        """The answers for all images: one where they fit into one request."""
        groups = self._group(images)
        if len(groups) == 1:
            return self._ask_or_halve(images, self._whole, pages)
        return [answer for group in groups for answer in self._ask_or_halve(group, self._part, pages)]

    def _ask_or_halve(self, images: Sequence[PageImage], form: Form, pages: dict[int, KnownPage]) -> list[RecordAnswer]:
        """The answer for some images; those for fewer at once where one for all of them is cut off."""
        answer = self._ask(images, form, pages)
        if not answer.is_cut or len(images) == 1:
            return [answer]
        middle = len(images) // 2
        return [
            *self._ask_or_halve(images[:middle], self._part, pages),
            *self._ask_or_halve(images[middle:], self._part, pages),
        ]

    def _group(self, images: Sequence[PageImage]) -> list[list[PageImage]]:
        limit = self._engine.server.max_body
        most_bytes = math.inf if limit is None else limit * _BODY_SHARE * 3 / 4  # base64
        groups: list[list[PageImage]] = [[]]
        for image in images:
            size = sum(len(one.data) for one in groups[-1]) + len(image.data)
            if groups[-1] and (len(groups[-1]) >= self._most_images or size > most_bytes):
                groups.append([])
            groups[-1].append(image)
        return groups

    def _ask(self, images: Sequence[PageImage], form: Form, pages: dict[int, KnownPage]) -> RecordAnswer:
        """The best answer within ``max_asks``."""
        spent: list[RecordAnswer] = []
        max_length = self._question.max_length
        own = [pages[number] for number in dict.fromkeys(image.page.number for image in images)]
        for ask in range(1, self._max_asks + 1):
            last = spent[-1] if spent else None
            request = replace(self._build(images, form, last, ask), max_length=max_length)
            self._observer(Asked(images[0].page, ask, last.findings[0].message if last else ""))
            answer, is_final = self._complete(request, form, own)
            spent.append(answer)
            if answer.is_good or is_final:
                break
            if answer.is_cut:
                room = self._find_room(answer)
                if room <= max_length and len(images) > 1:
                    break  # fewer pages have shorter records
                max_length = max(max_length, min(2 * max_length, room))
        best = max(spent, key=lambda one: one.rank)
        return replace(best, answer=add_costs(best.answer, [one.answer for one in spent]))

    def _find_room(self, answer: RecordAnswer) -> int:
        """Tokens that an answer to the same prompt may have; 0 where that is not known."""
        context, prompt = self._engine.server.context_length, answer.answer.prompt_tokens
        return 0 if context is None or prompt is None else context - prompt - RESERVE

    def _build(self, images: Sequence[PageImage], form: Form, last: RecordAnswer | None, ask: int) -> Request:
        """The request. What was wrong with the form of the last answer stands in it.

        Not what its values contradict: told that a sum is wrong, a model makes up numbers that add up.
        """
        question = self._question
        if last is not None and last.problems:
            listed = "\n".join(f"- {problem}" for problem in last.problems[:_MOST_SHOWN])
            defaults = (*question.task.defaults, ("errors", _CORRECTION.format(listed)))
            task = replace(question.task, defaults=defaults)
            question = replace(question, task=task, prompt=f"{question.template}\n\n{{{{errors}}}}")
        sampler = resample(question.sampler, ask, last.findings if last else ())
        request = build_request(question, images, sampler)
        return replace(request, shape=form.shape if self._is_enforced else None)

    def _complete(self, request: Request, form: Form, pages: Sequence[KnownPage]) -> tuple[RecordAnswer, bool]:
        """One ask. The second value says whether asking again is pointless."""
        try:
            completion = self._send(request)
        except AnswerUnusable as error:
            return RecordAnswer(make_failure(error.message)), False
        except RequestRefused as error:
            return RecordAnswer(make_failure(error.message)), True
        return judge_answer(completion, request, form, pages), completion.final

    def _send(self, request: Request) -> Completion:
        try:
            return self._engine.complete(request)
        except RequestRefused as error:
            if request.shape is None:
                raise
            completion = self._engine.complete(replace(request, shape=None))
            if self._is_enforced:
                self._is_enforced = False
                message = f"the server refuses the grammar ({error.message}): records are only asked for, and checked"
                self._observer(Notice(message, warning=True))
            return completion

    # --- the result ----------------------------------------------------------------------------------------

    def _finish(
        self,
        loaded: Loaded,
        images: Sequence[PageImage],
        pages: dict[int, KnownPage],
        parts: Sequence[RecordAnswer],
    ) -> PageResult:
        """The result of a document from the answers for its pages."""
        records = [part.record for part in parts if part.record is not None]
        findings = [finding for image in images for finding in image.findings]
        for part in parts:
            is_lost = part.record is None and bool(records)
            findings += [_soften(finding) if is_lost else finding for finding in part.answer.findings]
        record, alternatives = records[0] if records else None, dict[str, list[Any]]()
        if record is not None and len(parts) > 1:
            record, alternatives, more = self._merge(records)
            findings += more
        judged, places = judge_record(record, self._whole, list(pages.values())) if record is not None else ((), {})
        findings += judged
        status = status_of(findings)
        if status is Status.FAILED:
            record = None
        answers = [part.answer for part in parts]
        return PageResult(
            page=loaded.page,
            text=write_result(list(pages), record, places, alternatives),
            status=status,
            findings=tuple(dict.fromkeys(findings)),
            asks=sum(answer.asks for answer in answers),
            retries=sum(answer.retries for answer in answers),
            server=answers[-1].server or self._engine.server.url,
            model=answers[-1].model or self._engine.server.model,
            seconds=sum(answer.seconds for answer in answers),
            prompt_tokens=add_known(answer.prompt_tokens for answer in answers),
            completion_tokens=add_known(answer.completion_tokens for answer in answers),
            width=images[0].width,
            height=images[0].height,
        )

    def _merge(
        self, records: Sequence[dict[str, Any]]
    ) -> tuple[dict[str, Any] | None, dict[str, list[Any]], list[Finding]]:
        """One record, other values of its fields, and the findings; no record where the merged one is not valid."""
        merged = merge(self._part.record, records)
        findings = [
            Finding(FindingKind.CONFLICT, f"{path}: the pages give different values") for path in merged.alternatives
        ]
        findings += [
            Finding(FindingKind.CONFLICT, f"{path}: the same items ({count}) end one page and begin the next: left out")
            for path, count in merged.repeats.items()
        ]
        record, _ = repair(self._whole.record, merged.value)  # nulls become keys that are left out
        if errors := self._whole.validator.find_errors(record):
            return None, merged.alternatives, [*findings, *map(describe_error, errors)]
        return record, merged.alternatives, findings


def _soften(finding: Finding) -> Finding:
    """A finding about some pages of which there is no record, though there is one of the others."""
    return replace(finding, severity=Severity.SUSPECT) if finding.severity is Severity.FAILED else finding
