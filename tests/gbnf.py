"""Texts that a grammar in llama.cpp's notation allows, made at random: what a model under that grammar might say."""

from __future__ import annotations

import random
import re

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]|\{\d+,\d+\}|[a-z][a-z0-9-]*|[()|?*+]')
_ESCAPE = re.compile(r"\\x([0-9A-F]{2})|\\(.)|(.)", re.DOTALL)
_OTHERS = "abcXYZ 019.,:;-äß漢€<>{}"
"""Characters that stand for those that a negated class does not name."""


class Grammar:
    """A grammar; ``random_text`` is different for every *chance*."""

    def __init__(self, text: str) -> None:
        self._rules = {
            name.strip(): _TOKEN.findall(body)
            for name, _, body in (line.partition("::=") for line in text.splitlines() if line and line[0] != "#")
        }

    def random_text(self, chance: random.Random, root: str = "root") -> str:
        """A text that the rule *root* allows."""
        text, end = self._alternatives(self._rules[root], 0, chance, True)
        assert end == len(self._rules[root])
        return text

    def _alternatives(self, tokens: list[str], at: int, chance: random.Random, is_wanted: bool) -> tuple[str, int]:
        starts, end = [at], at
        while end < len(tokens) and tokens[end] != ")":
            if tokens[end] == "|":
                starts.append(end + 1)
                end += 1
            else:
                _, end = self._item(tokens, end, chance, False)
        if not is_wanted:
            return "", end
        text, at = "", chance.choice(starts)
        while at < end and tokens[at] != "|":
            piece, at = self._item(tokens, at, chance, True)
            text += piece
        return text, end

    def _item(self, tokens: list[str], at: int, chance: random.Random, is_wanted: bool) -> tuple[str, int]:
        """One element with its repetition."""
        end = self._alternatives(tokens, at + 1, chance, False)[1] + 1 if tokens[at] == "(" else at + 1
        least, most = 1, 1
        after = end
        if end < len(tokens) and tokens[end] == "?":
            least, most, after = 0, 1, end + 1
        elif end < len(tokens) and (bounds := re.fullmatch(r"\{(\d+),(\d+)\}", tokens[end])):
            least, most, after = int(bounds[1]), int(bounds[2]), end + 1
        if not is_wanted:
            return "", after
        count = chance.randint(least, min(most, least + 4))
        return "".join(self._once(tokens, at, chance) for _ in range(count)), after

    def _once(self, tokens: list[str], at: int, chance: random.Random) -> str:
        token = tokens[at]
        if token == "(":
            return self._alternatives(tokens, at + 1, chance, True)[0]
        if token.startswith('"'):
            return "".join(_characters(token[1:-1]))
        if token.startswith("[^"):
            refused = set(_characters(token[2:-1]))
            return chance.choice([char for char in _OTHERS if char not in refused])
        if token.startswith("["):
            return chance.choice(_members(token[1:-1]))
        return self.random_text(chance, token)


def _characters(text: str) -> list[str]:
    escapes = {"n": "\n", "t": "\t"}
    return [
        chr(int(code, 16)) if code else escapes.get(escaped, escaped) or plain
        for code, escaped, plain in _ESCAPE.findall(text)
    ]


def _members(text: str) -> str:
    ranged = re.sub(r"(.)-(.)", lambda two: "".join(map(chr, range(ord(two[1]), ord(two[2]) + 1))), text)
    return "".join(_characters(ranged))
