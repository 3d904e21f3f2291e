"""A short test request before the first page that shows whether a server enforces the form of answers.

Servers ignore what they cannot enforce with status 200 and without a word: a grammar that they cannot parse, a field
that they do not know, a schema with a thinking model.
"""

from __future__ import annotations

import json
from enum import Enum

from visionocr.errors import AnswerUnusable, RequestRefused
from visionocr.extraction.grammar import write_grammar
from visionocr.extraction.json_answer import NoRecord, find_object
from visionocr.extraction.kinds import Choice, Field, Record
from visionocr.extraction.schema import strict_schema
from visionocr.prompting.render import Question
from visionocr.types import Engine, Prompt, Request, Sampler, Shape

_ANSWER = {"word": "quorvask"}
"""No model says this by itself."""
_QUESTION = "Say hello."
_MAX_LENGTH = 40


class Obedience(Enum):
    """What a server does with the form that an answer must have."""

    OBEYS = "obeys"
    IGNORES = "ignores"
    REFUSES = "refuses"
    """It answers that it does not know such a field."""


def find_obedience(engine: Engine, question: Question, record: Record) -> Obedience:
    """Ask for a word that only the form makes the model say.

    The grammar holds the rules of *record* too, though the answer needs none of them: one that the server cannot parse
    is ignored as a whole.
    """
    schema = strict_schema(Record((Field("word", Choice((_ANSWER["word"],))),)))
    grammar = f"root ::= {json.dumps(json.dumps(_ANSWER))}\n{write_grammar(record, 'record')}"
    prompt = Prompt("", (_QUESTION,), question.preset.chat)
    stops = question.preset.stop_sequences
    request = Request(prompt, Sampler(), _MAX_LENGTH, stop_sequences=stops, shape=Shape(grammar, json.dumps(schema)))
    try:
        answer = engine.complete(request).text
    except RequestRefused:
        return Obedience.REFUSES
    except AnswerUnusable:
        return Obedience.IGNORES
    try:
        return Obedience.OBEYS if find_object(answer).value == _ANSWER else Obedience.IGNORES
    except NoRecord:
        return Obedience.IGNORES
