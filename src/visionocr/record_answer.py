"""Judges the answer to a request for a record: its form, its repairs, its values against the page and each other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, field, replace
from typing import Any

from visionocr.answers.clean import clean
from visionocr.answers.judge import LEAST_CONFIDENCE, judge, status_of
from visionocr.checking import PageCheck
from visionocr.evidence import Source
from visionocr.extraction import checks
from visionocr.extraction.grammar import write_grammar
from visionocr.extraction.json_answer import NoRecord, find_object
from visionocr.extraction.kinds import Record
from visionocr.extraction.places import PageText, Place, Seen, locate
from visionocr.extraction.repair import repair
from visionocr.extraction.schema import strict_schema
from visionocr.extraction.validate import SchemaError, Validator
from visionocr.page_answer import PageAnswer
from visionocr.types import Completion, Finding, FindingKind, FinishReason, Request, Severity, Shape, Status

_JUDGED = {FindingKind.IMAGE_NOT_USED}
"""What is judged of an answer that holds a record; the schema and the page say the rest."""


@dataclass(frozen=True, slots=True)
class Form:
    """A record in the forms in which it is asked for and judged."""

    record: Record
    validator: Validator
    shape: Shape
    check_sums: bool

    @classmethod
    def of(cls, record: Record, judged: dict[str, Any] | None = None, *, check_sums: bool = False) -> Form:
        """*judged*: the schema that answers are validated against; else the strict one of *record*.

        Raises ``ConfigurationError`` for a schema that is none.
        """
        schema = strict_schema(record)
        shape = Shape(write_grammar(record), json.dumps(schema))
        return cls(record, Validator(judged or schema), shape, check_sums)


@dataclass
class KnownPage:
    """What is known of a page without the model. For one thread at a time."""

    number: int
    check: PageCheck
    _texts: list[PageText] = field(default_factory=list)
    _more: Iterator[PageText] | None = None

    def texts(self) -> Iterator[PageText]:
        """Its lines, the most trustworthy first; a second reader is waited for only when its turn comes."""
        yield from self._texts
        if self._more is None:
            self._more = self._read()
        for text in self._more:
            self._texts.append(text)
            yield text

    def _read(self) -> Iterator[PageText]:
        for reference in self.check.references():
            is_exact = reference.source is Source.TEXT_LAYER
            if is_exact or reference.confidence >= LEAST_CONFIDENCE:
                yield PageText(self.number, reference.lines, is_exact)


@dataclass(frozen=True, slots=True)
class RecordAnswer:
    """One answer for some images of a document."""

    answer: PageAnswer
    """The findings about the answer itself, and its cost."""
    record: dict[str, Any] | None = None
    judged: tuple[Finding, ...] = ()
    """What was found about the record's values."""
    problems: tuple[str, ...] = ()
    """Why there is no record, in words for the model, without anything that it wrote."""
    is_cut: bool = False

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them."""
        return (*self.answer.findings, *self.judged)

    @property
    def rank(self) -> tuple[int, int]:
        """Greater for the better of two answers to the same images."""
        value = {Status.OK: 2, Status.SUSPECT: 1}.get(status_of(self.findings), 0)
        return value, -sum(finding.severity is not Severity.INFO for finding in self.findings)

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong with it."""
        return status_of(self.findings) is Status.OK


def judge_answer(completion: Completion, request: Request, form: Form, pages: Sequence[KnownPage]) -> RecordAnswer:
    """What an answer about *pages* is worth."""
    cleaned = clean(completion.text, stop_sequences=request.stop_sequences, chat=request.prompt.chat, thinks=True)
    found = judge(completion, cleaned.text, request)
    answer = PageAnswer(
        "",
        tuple(one for one in found if one.kind in _JUDGED),
        retries=completion.retries,
        server=completion.server,
        model=completion.model,
        seconds=completion.seconds,
        prompt_tokens=completion.prompt_tokens,
        completion_tokens=completion.completion_tokens,
    )
    try:
        parsed = find_object(cleaned.text)
    except NoRecord as error:
        none = Finding(FindingKind.SCHEMA, f"the answer holds no record: {error}", Severity.FAILED)
        is_cut = completion.finish_reason is FinishReason.LENGTH
        return RecordAnswer(replace(answer, findings=(*found, none)), problems=(str(error),), is_cut=is_cut)
    record, notes = repair(form.record, parsed.value)
    repaired = [Finding(FindingKind.REPAIRED, note, Severity.INFO) for note in (*parsed.remarks, *notes)]
    answer = replace(answer, findings=(*answer.findings, *repaired))
    if errors := form.validator.find_errors(record):
        answer = replace(answer, findings=(*answer.findings, *map(describe_error, errors)))
        return RecordAnswer(answer, problems=tuple(f"{error.path or 'it'} {error.problem}" for error in errors))
    findings, _ = judge_record(record, form, pages)
    return RecordAnswer(answer, record, findings)


def judge_record(
    record: dict[str, Any], form: Form, pages: Sequence[KnownPage]
) -> tuple[tuple[Finding, ...], dict[str, Place]]:
    """What is wrong with the values of a valid record, and where they stand."""
    places = locate(form.record, record, [page.texts for page in pages])
    failures = [
        *checks.check_limits(form.record, record),
        *checks.check_ids(form.record, record),
        *checks.check_dates(record),
        *(checks.check_sums(form.record, record) if form.check_sums else ()),
    ]
    failed = [Finding(FindingKind.CHECK, f"{failure.path}: {failure.message}") for failure in failures]
    return (*_describe_places(places), *failed), places


def write_result(
    pages: Sequence[int], record: dict[str, Any] | None, places: dict[str, Place], alternatives: dict[str, list[Any]]
) -> str:
    """The text of a document's result, as JSON: pages, record, where its values stand, and other values of them."""
    fields = {path: _describe_place(place) for path, place in places.items()} if record is not None else {}
    return json.dumps({"pages": list(pages), "record": record, "fields": fields, "alternatives": alternatives})


def describe_error(error: SchemaError) -> Finding:
    """The finding that a record is not valid."""
    return Finding(FindingKind.SCHEMA, error.message, Severity.FAILED)


def _describe_place(place: Place) -> dict[str, Any]:
    box = None if place.box is None else [round(value, 4) for value in astuple(place.box)]
    return {"seen": place.seen.value, "page": place.page, "box": box, "text": place.text or None}


def _describe_places(places: dict[str, Place]) -> Iterator[Finding]:
    """The findings about values that do not stand on the page as they are."""
    for path, place in places.items():
        if place.seen is Seen.ABSENT:
            yield Finding(FindingKind.NOT_ON_PAGE, f"{path}: its value is not on the page")
        elif place.seen is Seen.SIMILAR:
            message = f"{path}: the page has something similar: “{place.text[:60]}”"
            yield Finding(FindingKind.NOT_ON_PAGE, message, Severity.INFO)
