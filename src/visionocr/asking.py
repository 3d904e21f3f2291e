"""Asks an engine for a page until the answer is good: build, ask, clean, judge, ask again differently."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from visionocr.answers.clean import Cleaned, clean
from visionocr.answers.compare import Comparison
from visionocr.answers.judge import judge, status_of
from visionocr.answers.split import split_by_marks
from visionocr.checking import Checker, PageCheck, describe_layer
from visionocr.errors import AnswerUnusable, RequestRefused, RequestTooLarge
from visionocr.evidence import Reference, Source
from visionocr.loaded import Loaded, size_of, unreadable
from visionocr.page_answer import (
    PageAnswer,
    add_costs,
    add_earlier,
    add_finding,
    drop_loop,
    join_answers,
    make_failure,
    rate,
    take_share,
)
from visionocr.part_joints import drop_doubles, join_parts
from visionocr.prompting.reask import Redraw, choose_image, resample, shrink
from visionocr.prompting.render import Question, build_request
from visionocr.transcript import convert_completion, write_blocks
from visionocr.types import (
    Asked,
    Completion,
    Engine,
    Finding,
    FindingKind,
    FinishReason,
    Observer,
    PageImage,
    PageResult,
    Request,
    Sampler,
    Severity,
    Status,
    ignore,
)
from visionocr.upright import Turner, describe_askew


class Asker:
    """Turns loaded pages into results. Stateless between pages, so several threads may share one."""

    def __init__(
        self,
        engine: Engine,
        question: Question,
        *,
        max_asks: int,
        checker: Checker | None = None,
        observer: Observer = ignore,
    ) -> None:
        self._checker = checker or Checker()
        self._engine = engine
        self._question = question
        self._max_asks = max_asks
        self._turner = Turner(engine, question)
        self._observer = observer

    @property
    def keeps_lines(self) -> bool:
        """Whether results have the lines of their pages."""
        return self._checker.keeps_lines

    def read(self, group: Sequence[Loaded], redraw: Redraw | None = None) -> list[PageResult]:
        """One result for each page of *group*, in order.

        More than one page with one image each go into one request. Raises a ``ServerError`` only for errors that would
        meet every page: a server that is unreachable, refuses requests, or stays busy.
        """
        settled = {loaded.page: result for loaded in group if (result := self._without_request(loaded)) is not None}
        open_ = [self._begin(loaded, redraw) for loaded in group if loaded.page not in settled]
        if len(open_) > 1 and all(len(loaded.images) == 1 for loaded, _ in open_):
            results = self._read_batch(open_, redraw)
        else:
            results = [self._read_page(loaded, check, redraw) for loaded, check in open_]
        settled.update({result.page: result for result in results})
        return [settled[loaded.page] for loaded in group]

    def _read_page(
        self, loaded: Loaded, check: PageCheck | None, redraw: Redraw | None, earlier: PageAnswer | None = None
    ) -> PageResult:
        # The parts of a strip were cut to fit; drawn smaller, they would be cut elsewhere.
        again = redraw if len(loaded.images) == 1 else None
        answers = [self._ask(image, again, check, earlier) for image in loaded.images]
        return self._finish(loaded, check, redraw, answers)

    def _finish(
        self, loaded: Loaded, check: PageCheck | None, redraw: Redraw | None, answers: Sequence[PageAnswer]
    ) -> PageResult:
        """The result of a page; where it turns out not to stand upright, it is turned and asked for again."""
        turned = None if check is None else self._turner.turn(loaded, check, redraw, wait=True)
        if turned is not None:
            return add_earlier(self._read_page(turned, self._begin_check(turned), redraw), answers)
        result = self._add_lines(self._result(loaded, answers, check), loaded, check)
        return result if check is None or not check.is_askew else add_finding(result, describe_askew())

    def _begin(self, loaded: Loaded, redraw: Redraw | None) -> tuple[Loaded, PageCheck | None]:
        """A page as it is to be asked for, upright as far as is known yet, and what its answers are compared with."""
        check = self._begin_check(loaded)
        turned = None if check is None else self._turner.turn(loaded, check, redraw, wait=False)
        return (loaded, check) if turned is None else (turned, self._begin_check(turned))

    def _begin_check(self, loaded: Loaded) -> PageCheck | None:
        """What answers to a page will be compared with; ``None`` where they are no transcripts."""
        return self._checker.begin(loaded.images) if self._question.is_transcription else None

    def _read_batch(self, group: Sequence[tuple[Loaded, PageCheck | None]], redraw: Redraw | None) -> list[PageResult]:
        images = [loaded.images[0] for loaded, _ in group]
        if self._too_large(images):
            return [self._read_page(loaded, check, redraw) for loaded, check in group]
        request = build_request(self._question, images)
        for loaded, _ in group:
            self._observer(Asked(loaded.page, 1))
        try:
            completion = self._engine.complete(request)
        except (AnswerUnusable, RequestRefused):
            return [self._read_page(loaded, check, redraw) for loaded, check in group]
        whole = self._clean(completion.text, request)
        texts = split_by_marks(whole.text, len(group))
        if texts is None:
            note = Finding(
                FindingKind.MARKS,
                "the page marks of a batch were missing or out of order: its pages were read one by one",
                Severity.INFO,
            )
            pages = [self._read_page(loaded, check, redraw) for loaded, check in group]
            return [replace(add_finding(page, note), asks=page.asks + 1) for page in pages]
        results = []
        for index, ((loaded, check), text) in enumerate(zip(group, texts, strict=True)):
            # The finish reason concerns the last page only; the token counts are those of the whole request.
            own = completion if index == len(group) - 1 else replace(completion, finish_reason=FinishReason.STOP)
            cleaned = self._clean(text, request)
            cleaned = replace(cleaned, removed=whole.removed + cleaned.removed)
            answer = self._judge(own, cleaned, request, loaded.images[0], check)
            answer = take_share(answer, index, len(group))
            if answer.is_good:
                results.append(self._finish(loaded, check, redraw, [answer]))
            else:
                results.append(self._read_page(loaded, check, redraw, answer))
        return results

    def _ask(
        self, image: PageImage, redraw: Redraw | None, check: PageCheck | None, earlier: PageAnswer | None = None
    ) -> PageAnswer:
        """The best answer within ``max_asks``; *earlier* is an answer from a batch, which counts as an ask."""
        best, spent = earlier, [earlier] if earlier else []
        for ask in range(len(spent) + 1, max(self._max_asks, len(spent) + 1) + 1):
            findings = spent[-1].findings if spent else ()
            image = choose_image(image, redraw, ask)
            sampler = resample(self._question.sampler, ask, findings)
            self._observer(Asked(image.page, ask, findings[0].message if findings else ""))
            image, answer, final = self._ask_once(image, redraw, sampler, ask, check)
            spent.append(answer)
            best = answer if best is None else max(best, answer, key=rate)
            if answer.is_good or final or (check is not None and redraw and self._turner.find_turn(check, redraw)):
                break
        assert best is not None
        return drop_loop(add_costs(best, spent))

    def _ask_once(
        self, image: PageImage, redraw: Redraw | None, sampler: Sampler, ask: int, check: PageCheck | None
    ) -> tuple[PageImage, PageAnswer, bool]:
        """One ask, with ever smaller images until the server takes one. That image, and what ``_complete`` returns."""
        while True:
            request = build_request(self._question, [image], sampler)
            try:
                return image, *self._complete(replace(request, deep=ask > 1), image, check)
            except RequestTooLarge as error:
                smaller = shrink(image, redraw, error.scale)
                if smaller is None:
                    return image, make_failure(f"{error.message}. {error.hint}"), True
                image = smaller

    def _complete(self, request: Request, image: PageImage, check: PageCheck | None) -> tuple[PageAnswer, bool]:
        """One ask. The second value says whether asking again is pointless. Raises ``RequestTooLarge``."""
        try:
            completion = self._engine.complete(request)
        except AnswerUnusable as error:
            return make_failure(error.message), False
        except RequestTooLarge:
            raise
        except RequestRefused as error:
            return make_failure(error.message), True
        cleaned = self._clean(completion.text, request)
        return self._judge(completion, cleaned, request, image, check), completion.final

    def _judge(
        self, completion: Completion, cleaned: Cleaned, request: Request, image: PageImage, check: PageCheck | None
    ) -> PageAnswer:
        """The answer with what its own words and the page's evidence say about it."""
        converted = convert_completion(completion, cleaned.text, image, self._question)
        text = converted.text
        findings = judge(
            completion,
            text,
            request,
            removed=cleaned.removed,
            may_describe=self._question.may_describe,
        )
        form = self._question.form
        if form is not None and status_of(findings) is not Status.FAILED:
            text, more = form.judge(text, is_cut=completion.finish_reason is FinishReason.LENGTH)
            findings = (*findings, *more)
        comparison = Comparison()
        if check is not None and status_of(findings) is not Status.FAILED:
            own = None
            if completion.lines:
                own = Reference(Source.SECOND_READER, completion.lines, completion.confidence or 0.0)
            text, comparison = check.compare(text, image, own, markdown=self._question.task.markdown)
        return PageAnswer(
            text=text,
            blocks=converted.blocks if text == converted.text else (),  # a repaired text is not theirs
            findings=(*findings, *converted.findings, *comparison.findings),
            doubts=comparison.doubts,
            checked_with=comparison.checked_with,
            lines=completion.lines,
            retries=completion.retries,
            server=completion.server,
            model=completion.model,
            seconds=completion.seconds,
            prompt_tokens=completion.prompt_tokens,
            completion_tokens=completion.completion_tokens,
        )

    def _clean(self, text: str, request: Request) -> Cleaned:
        thinks = self._question.preset.thinks
        return clean(text, stop_sequences=request.stop_sequences, chat=request.prompt.chat, thinks=thinks)

    def _result(self, loaded: Loaded, answers: Sequence[PageAnswer], check: PageCheck | None) -> PageResult:
        image = loaded.images[0]
        findings = (*image.findings, *describe_layer(image.evidence))
        answers = drop_doubles(loaded.images, answers)
        lines = check.find_reading_order() if check is not None and len(answers) > 1 else ()
        result = join_answers(image, findings, answers, *join_parts(loaded.images, answers, self._question, lines))
        return replace(
            result,
            server=result.server or self._engine.server.url,
            model=result.model or self._engine.server.model,
            lines=result.lines if self._checker.keeps_lines else (),
        )

    def _add_lines(self, result: PageResult, loaded: Loaded, check: PageCheck | None) -> PageResult:
        """The result with the page's size and lines, where an output needs them."""
        if not self._checker.keeps_lines:
            return result
        lines = result.lines or (check.find_lines() if check is not None else ())
        return replace(result, size=size_of(loaded.images[0]), lines=lines)

    def _without_request(self, loaded: Loaded) -> PageResult | None:
        """The result of a page for which there is nothing to ask."""
        if loaded.known is not None:
            if loaded.images and loaded.known.text:
                return self._add_lines(loaded.known, loaded, self._begin_check(loaded))
            return loaded.known
        if loaded.error is not None:
            return unreadable(loaded.page, loaded.error)
        if all(image.blank for image in loaded.images):
            image = loaded.images[0]
            return PageResult(loaded.page, "", Status.BLANK, image.findings, width=image.width, height=image.height)
        return self._take_layer(loaded)

    def _take_layer(self, loaded: Loaded) -> PageResult | None:
        """The result of a page whose text layer is taken for its text."""
        if not self._question.is_transcription:
            return None
        blocks = self._checker.take_layer(loaded.images[0].evidence)
        if not blocks:
            return None
        taken = Finding(FindingKind.TEXT_LAYER, "the text is the document's own text layer", Severity.INFO)
        findings = (*loaded.images[0].findings, taken)
        result = PageResult(
            loaded.page,
            write_blocks(blocks, self._question),
            status_of(findings),
            findings,
            checked_with=Source.TEXT_LAYER,
            blocks=blocks,
        )
        return self._add_lines(result, loaded, self._begin_check(loaded))

    def _too_large(self, images: Iterable[PageImage]) -> bool:
        limit = self._engine.server.max_body
        return limit is not None and sum(len(image.data) for image in images) * 4 // 3 > limit * 0.95
