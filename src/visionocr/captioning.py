"""Asks for all that is wanted of a picture: one caption or several, keywords, an alternative text. Each by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from visionocr.captions.forms import CaptionForm, KeywordsForm, is_among
from visionocr.loaded import Loaded
from visionocr.page_answer import add_earlier
from visionocr.prompting.reask import Redraw, vary
from visionocr.prompting.render import Question
from visionocr.reader import PageAsker
from visionocr.types import Finding, FindingKind, PageResult, Severity, Status

LookUp = Callable[[str], Mapping[str, str]]
"""What is known of a picture, by its name: values of the placeholders of prompts."""

NOTES = ("folder", "caption", "keywords")
"""Placeholders whose values nobody else knows."""


@dataclass(frozen=True, slots=True)
class CaptionQuestions:
    """What is asked of each picture."""

    main: Question
    """For its caption, or for keywords in the place of one."""
    keywords: Question | None = None
    alt: Question | None = None
    captions: int = 1
    """How many times the main question is asked."""

    @property
    def asks_for_tags(self) -> bool:
        """Whether keywords take the place of the caption."""
        return isinstance(self.main.form, KeywordsForm)


class Captioner:
    """Turns loaded pictures into results: a ``PageAsker``. Several threads may share one.

    Each question is asked for itself, and its answers are judged and asked for again by themselves: models follow
    several instructions at once less well, and a server that ignores the form of answers spoils no caption. Of a
    picture whose caption failed nothing else is asked. Another part that failed makes the result suspect.
    """

    keeps_lines = False

    def __init__(self, make_asker: Callable[[Question], PageAsker], questions: CaptionQuestions, look_up: LookUp):
        """*make_asker* makes what asks a question."""
        self._make_asker = make_asker
        self._questions = questions
        self._look_up = look_up

    def read(self, group: Sequence[Loaded], redraw: Redraw | None = None) -> list[PageResult]:
        """One result for each picture of *group*. Raises what ``Asker.read`` raises."""
        return [self._describe(loaded, redraw) for loaded in group]

    def _describe(self, loaded: Loaded, redraw: Redraw | None) -> PageResult:
        questions = self._questions
        is_needed = loaded.known is None and questions.main.uses(*NOTES)
        notes = tuple(self._look_up(loaded.page.document).items()) if is_needed else ()

        def ask(question: Question) -> PageResult:
            (result,) = self._make_asker(replace(question, notes=notes)).read([loaded], redraw)
            return result

        result = ask(questions.main)
        if result is loaded.known or result.status not in {Status.OK, Status.SUSPECT}:
            return result
        if questions.asks_for_tags:
            result = replace(result, keywords=tuple(result.text.splitlines()))
        add = partial(_add, about_picture=loaded.images[0].findings)
        if questions.captions > 1:
            result = self._add_captions(result, ask, add)
        elif questions.asks_for_tags:
            result = replace(result, text=self._write_line(result.text))
        if questions.keywords is not None:
            answer = ask(questions.keywords)
            result = replace(add(result, answer, "keywords"), keywords=tuple(answer.text.splitlines()))
        if questions.alt is not None:
            answer = ask(questions.alt)
            result = replace(add(result, answer, "alternative text"), alt_text=answer.text)
        return result

    def _add_captions(
        self,
        result: PageResult,
        ask: Callable[[Question], PageResult],
        add: Callable[[PageResult, PageResult, str], PageResult],
    ) -> PageResult:
        """*result* with further captions, each on a line of its own."""
        main, texts = self._questions.main, [result.text]
        assert isinstance(main.form, CaptionForm | KeywordsForm)
        for number in range(2, self._questions.captions + 1):
            form = replace(main.form, others=tuple(texts))
            answer = ask(replace(main, form=form, sampler=vary(main.sampler, number)))
            if is_among(answer.text, tuple(texts)):
                message = f"caption {number} was the same as another one each time: left out"
                answer = replace(answer, text="", findings=(_say(message),))
            result = add(result, answer, f"caption {number}")
            texts += [answer.text] if answer.text else []
        return replace(result, text="\n".join(map(self._write_line, texts)))

    def _write_line(self, text: str) -> str:
        if not self._questions.asks_for_tags:
            return " ".join(text.split())
        return ", ".join(" ".join(keyword.replace(",", " ").split()) for keyword in text.splitlines())


def _say(message: str) -> Finding:
    return Finding(FindingKind.CAPTION, message, Severity.INFO)


def _add(result: PageResult, answer: PageResult, part: str, *, about_picture: tuple[Finding, ...] = ()) -> PageResult:
    """*result* with the cost of a further answer, and with what was found about it, under the name of that *part*."""
    added = []
    for finding in answer.findings:
        if finding in about_picture:
            continue
        severity = Severity.SUSPECT if finding.severity is Severity.FAILED else finding.severity
        message = finding.message if finding.message.startswith(part) else f"{part}: {finding.message}"
        added.append(Finding(finding.kind, message, severity))
    is_suspect = any(finding.severity is Severity.SUSPECT for finding in added)
    result = replace(result, findings=(*result.findings, *added))
    return add_earlier(replace(result, status=Status.SUSPECT) if is_suspect else result, [answer])
