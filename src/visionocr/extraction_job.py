"""Prepares the extraction of records: the job of reading, with another question, and what answers are checked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, fields, replace
from hashlib import blake2b
from typing import Any

from visionocr.checking import Checks, open_checker
from visionocr.choices import CrossCheck
from visionocr.documents.whole import WholeDocuments
from visionocr.engines import local
from visionocr.engines.choose import LOCAL_URL, VISION_HINT, open_engine
from visionocr.engines.connect import servers_of, together
from visionocr.errors import ConfigurationError, ServerRefused
from visionocr.extracting import Extractor
from visionocr.extraction.checks import can_check_sums
from visionocr.extraction.grammar import measure_longest
from visionocr.extraction.kinds import Per, Record
from visionocr.extraction.outline import write_outline
from visionocr.extraction.schema import RecordSchema
from visionocr.extraction.validate import Validator
from visionocr.job import Job, decide
from visionocr.prompting import placeholders
from visionocr.prompting.library import Library
from visionocr.prompting.render import Question
from visionocr.reader import Reader
from visionocr.settings import Settings
from visionocr.shape_check import Obedience, find_obedience
from visionocr.stop import Stop
from visionocr.types import Engine, Notice, Observer, PageRef, PageResult, PageSource, Task, ignore

MOST_IMAGES = 4
"""Pages a request, unless the user, the server or its context says less."""
_LEAST_ANSWER, _MOST_ANSWER = 512, 4096
"""Tokens that a record may have."""
_ONLY_READS = ("the embedded engine only reads text: it cannot fill in a record", VISION_HINT)
_FIELDS = "{{fields}}"


@dataclass(frozen=True, slots=True)
class Order:
    """What the user wants."""

    schema: RecordSchema
    per: Per = Per.DOCUMENT
    check_sums: bool = False
    selection: str | None = None
    """The pages that the user chose."""


@dataclass(frozen=True, kw_only=True)
class ExtractionJob(Job):
    """Everything that the extraction of records needs, decided before the first page."""

    order: Order
    is_enforced: bool = True
    """The server is sent the form that answers must have."""

    @property
    def fingerprint(self) -> dict[str, Any]:
        """See ``Job.fingerprint``."""
        order = self.order
        schema = json.dumps(order.schema.judged, sort_keys=True)
        return super().fingerprint | {
            "schema": blake2b(schema.encode(), digest_size=16).hexdigest(),
            "per": order.per.value,
            "pages": order.selection if order.per is Per.DOCUMENT else None,
            "sums": order.check_sums,
            "text_layer": self.checks.text_layer.value,
            "cross_check": self.checks.cross_check.value,
        }

    def read(
        self,
        source: PageSource,
        *,
        known: Callable[[PageRef], PageResult | None] = lambda page: None,  # noqa: ARG005
        record: Callable[[PageResult], None] = lambda result: None,  # noqa: ARG005
    ) -> Generator[PageResult, None, None]:
        """A result for each document of *source*, or each page; its text is JSON. See ``Job.read``."""
        checker = open_checker(self.checks, self.stop, self.observer)
        if not checker.waiting and self.checks.cross_check is not CrossCheck.OFF:
            message = "values of pages without a text layer are not looked for on the page: no second reader is in use"
            self.observer(Notice(message))
        with closing(checker), self.stop.waking(checker.close):
            extractor = Extractor(
                self.engine,
                self.question,
                self.order.schema,
                max_asks=self.max_asks,
                most_images=self.plan.batch,
                is_enforced=self.is_enforced,
                check_sums=self.order.check_sums,
                checker=checker,
                observer=self.observer,
            )
            reader = Reader(
                WholeDocuments(source) if self.order.per is Per.DOCUMENT else source,
                self.engine,
                extractor,
                self.plan.spec,
                reserve=checker.waiting,
                known=known,
                record=record,
                observer=self.observer,
                stop=self.stop,
            )
            yield from reader.results()


def prepare_extraction(
    settings: Settings, library: Library, *, order: Order, observer: Observer = ignore, stop: Stop | None = None
) -> ExtractionJob:
    """Decide everything. See ``job.prepare``."""
    stop = stop or Stop()
    Validator(order.schema.judged)  # a schema that is wrong is found before a server is looked for
    for name, known in (("prompt", (*placeholders.VARIABLES, "fields")), ("system", placeholders.VARIABLES)):
        placeholders.check(getattr(settings, name) or "", settings.origins.get(name, name), known)
    if order.check_sums and not can_check_sums(order.schema.record):
        raise ConfigurationError(
            "--check sums: the schema has no fields whose sums are known",
            "Such as items with price or total, and a total of the record; see docs/extraction.md.",
        )
    if settings.preset is not None:
        library.preset(settings.preset)
    if LOCAL_URL in settings.api_url:
        raise ServerRefused(*_ONLY_READS)
    engine = open_engine(settings, library, observer=observer, stop=stop)
    try:
        with stop.waking(engine.cancel):
            return replace(_decide(engine, settings, library, order, observer), stop=stop)
    except BaseException:
        engine.close()
        raise


def _decide(engine: Engine, settings: Settings, library: Library, order: Order, observer: Observer) -> ExtractionJob:
    """The job with an engine that is already open."""
    record, server = order.schema.record, engine.server
    if server.reads_only:
        raise ServerRefused(*_ONLY_READS)
    prompt = settings.prompt if settings.prompt is not None else library.extract_prompt()
    if _FIELDS not in prompt.replace(" ", ""):
        prompt = f"{prompt}\n\n{_FIELDS}"
    task = Task(
        "extract",
        "Extract a record",
        prompt,
        markdown=False,
        max_length=min(_MOST_ANSWER, max(_LEAST_ANSWER, measure_longest(record) // 2)),
        defaults=(("fields", write_outline(record)),),
    )
    batch = settings.batch if "batch" in settings.origins else MOST_IMAGES
    job = decide(engine, replace(settings, prompt=prompt, batch=min(batch, server.max_images)), library, task, observer)
    question = replace(job.question, batch_prompt="")
    is_enforced = _check_obedience(engine, question, record, observer)
    decided = {one.name: getattr(job, one.name) for one in fields(Job)}
    decided["question"] = question
    decided["plan"] = replace(job.plan, spec=replace(job.plan.spec, find_evidence=True))
    decided["checks"] = Checks(settings.text_layer, _choose_cross_check(settings))
    return ExtractionJob(**decided, order=order, is_enforced=is_enforced)


def _choose_cross_check(settings: Settings) -> CrossCheck:
    """What the setting means for records: a wrong amount costs more than a second of waiting for the second reader."""
    is_free = settings.cross_check is CrossCheck.AUTO and local.installed()
    return CrossCheck.ON if is_free else settings.cross_check


def _check_obedience(engine: Engine, question: Question, record: Record, observer: Observer) -> bool:
    """Say which servers do not enforce the form of answers. Whether it is to be sent."""
    engines = servers_of(engine)
    found = together(lambda one: find_obedience(one, question, record), engines)
    for one, obedience in zip(engines, found, strict=True):
        if obedience is not Obedience.OBEYS:
            message = f"{one.server.kind or 'the server'} at {one.server.url} {obedience.value} the grammar"
            observer(Notice(f"{message}: records are only asked for, and checked", warning=True))
    return Obedience.REFUSES not in found
