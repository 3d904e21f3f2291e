"""A record's kinds as a grammar in llama.cpp's notation (GBNF), which KoboldCpp and llama.cpp enforce.

All keys are written, in the order of the schema: optional ones would be left out at random. White space is at most one
blank or newline: without a bound, a looping model writes blanks for ever. Texts and lists are bounded for the same
reason.
"""

from __future__ import annotations

import json
import re

from visionocr.extraction.kinds import Boolean, Choice, Either, Kind, ListOf, Nullable, Number, Record, Text

_COMMON = {
    "ws": "[ \\n]?",
    "char": r'[^"\\\x00-\x1F\x7F] | "\\" ["\\nt]',
    "integer": r'"-"? ("0" | [1-9] [0-9]{0,14})',
    "number": 'integer ("." [0-9]{1,6})?',
    "boolean": '"true" | "false"',
    "date": r'"\"" [0-9]{4} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | [12] [0-9] | "3" [01]) "\""',
    "time": r'"\"" ([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] "\""',
}
"""Rules that others refer to. No escapes by number in texts: half of a pair of them would be no character."""
_USED_BY = {"number": "integer"}


def write_grammar(kind: Kind, root: str = "root") -> str:
    """The grammar whose rule *root* is *kind*."""
    writer = _Writer()
    body = writer.write(kind, "record")
    rules = {root: body, **writer.rules}
    return "".join(f"{name} ::= {rule}\n" for name, rule in rules.items())


def write_literal(value: object) -> str:
    """The JSON of *value* as a literal of a grammar."""
    return json.dumps(json.dumps(value, ensure_ascii=False), ensure_ascii=False)


def measure_longest(kind: Kind) -> int:
    """Characters of the longest value that the grammar allows."""
    match kind:
        case Text(_, most, _):
            return most + 2
        case Number():
            return 23
        case Boolean():
            return 5
        case Choice(values):
            return max(len(json.dumps(value)) for value in values)
        case ListOf(item, _, most):
            return 2 + most * (measure_longest(item) + 2)
        case Either(options):
            return max(map(measure_longest, options))
        case Nullable(inner):
            return max(4, measure_longest(inner))
        case Record(fields):
            return 2 + sum(len(one.name) + 6 + measure_longest(one.kind) for one in fields)
    raise AssertionError(kind)


class _Writer:
    def __init__(self) -> None:
        self.rules: dict[str, str] = {}

    def write(self, kind: Kind, path: str) -> str:
        """The right side of a rule for *kind*. *path* names the rules of what is in it."""
        match kind:
            case Text(_, _, "date" | "time" as form):
                return self._use(form)
            case Text(least, most, _):
                self._use("char")
                self.rules.setdefault(f"text-{least}-{most}", rf'"\"" char{{{least},{most}}} "\""')
                return f"text-{least}-{most}"
            case Number(is_whole):
                return self._use("integer" if is_whole else "number")
            case Boolean():
                return self._use("boolean")
            case Choice(values):
                return " | ".join(map(write_literal, values))
            case Nullable(inner):
                return f'{self._refer(inner, f"{path}-value")} | "null"'
            case Either(options):
                return " | ".join(self._refer(option, f"{path}-{at}") for at, option in enumerate(options))
            case ListOf(item, least, most):
                return self._write_list(self._refer(item, f"{path}-item"), least, most)
            case Record(fields):
                parts = [
                    f'{write_literal(one.name)} ws ":" ws {self._refer(one.kind, f"{path}-{one.name}")}'
                    for one in fields
                ]
                joined = ' ws "," ws '.join(parts)
                return f'"{{" {self._use("ws")} {joined} ws "}}"'
        raise AssertionError(kind)

    def _write_list(self, item: str, least: int, most: int) -> str:
        ws = self._use("ws")
        if most == 0:
            return f'"[" {ws} "]"'
        more = f' (ws "," ws {item}){{{max(least - 1, 0)},{most - 1}}}' if most > 1 else ""
        items = f"{item}{more} ws"
        return f'"[" {ws} {items} "]"' if least else f'"[" {ws} ({items})? "]"'

    def _refer(self, kind: Kind, path: str) -> str:
        """The name of a rule for *kind*."""
        body = self.write(kind, path)
        if body in self.rules:
            return body
        stem = name = re.sub(r"[^a-z0-9]+", "-", path.casefold()).strip("-")
        number = 1
        while self.rules.get(name, body) != body or name in _COMMON or name in {"root", "record"}:
            number += 1
            name = f"{stem}-{number}"
        self.rules[name] = body
        return name

    def _use(self, name: str) -> str:
        self.rules.setdefault(name, _COMMON[name])
        if name in _USED_BY:
            self._use(_USED_BY[name])
        return name
