"""The JSON object in a model's answer: fenced, after thinking, between sentences, or alone."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any

_FENCE = re.compile(r"^[ \t]*```[ \t]*(?:json|JSON)?[ \t]*\n\s*(?=[{\[])", re.MULTILINE)
"""The beginning of a code block that holds JSON."""
_OPENING = re.compile(r"\{|\[(?=\s*\{)")
_DEEPEST = 100
"""Levels of nesting that an answer may have; Python's own parser gives up at some hundreds."""


class NoRecord(Exception):
    """An answer holds no JSON object. The message says why, and quotes nothing of the answer."""


@dataclass(frozen=True, slots=True)
class FoundObject:
    """A JSON object in an answer."""

    value: dict[str, Any]
    remarks: tuple[str, ...] = ()
    """What had to be put right."""


def find_object(text: str) -> FoundObject:
    """The only JSON object of an answer. Raises ``NoRecord``.

    Keys that come twice, NaN and infinite numbers are errors. Nothing that was cut off is completed.
    """
    start = _find_start(text)
    try:
        value, end = _DECODER.raw_decode(text, start)
    except RecursionError:
        raise NoRecord("it is nested too deeply") from None
    except json.JSONDecodeError:
        is_cut = text.rstrip("` \n")[-1:] not in ("}", "]")
        raise NoRecord("it is cut off" if is_cut else "it is not valid JSON") from None
    except ValueError as error:
        raise NoRecord(str(error)) from None
    if "{" in re.sub(r'"(?:[^"\\]|\\.)*"', "", text[end:]):
        raise NoRecord("it holds more than one JSON object")
    remarks = []
    if isinstance(value, list) and len(value) == 1:
        (value,) = value
        remarks.append("a list of one record was taken for the record")
    if not isinstance(value, dict):
        raise NoRecord("it is a list, one object is wanted" if isinstance(value, list) else "it is no JSON object")
    _check_depth(value)
    return FoundObject(value, tuple(remarks))


def _find_start(text: str) -> int:
    """Where the JSON begins: in the last code block, else at the first bracket."""
    after = 0
    for fence in _FENCE.finditer(text):
        after = fence.end()
    opening = _OPENING.search(text, after)
    if opening is None:
        raise NoRecord("it holds no JSON object")
    return opening.start()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("it has a key twice")
    return found


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _parse_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("it holds a number that is too large")
    return number


def _parse_int(text: str) -> int:
    if len(text) > 30:
        raise ValueError("it holds a number that is too large")
    return int(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_parse_float, parse_int=_parse_int
)


def _check_depth(value: Any) -> None:
    level: list[Any] = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return
    raise NoRecord("it is nested too deeply")
