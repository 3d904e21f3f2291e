"""Captions as the lines of a text file, as training programs read them.

Kohya's sd-scripts (``library/train_util.py``): only the first line of a file counts, or a random one with wildcards on;
then ``{a|b}`` is a choice, and doubled braces stand for single ones. Tags are told apart by commas. Underscores are
removed from tags of more than three characters, which spares emoticons such as ``^_^``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from visionocr.captions.keywords import drop_repeated
from visionocr.choices import DataSet

_EMOTICON = 3
"""Characters of a tag that may be an emoticon."""


@dataclass(frozen=True, slots=True)
class LineStyle:
    """How captions are written as lines."""

    data_set: DataSet | None = None
    trigger: str = ""
    has_several: bool = False
    """A result's text has a line for each caption."""

    def write_lines(self, text: str) -> list[str]:
        """The lines of a result's text."""
        lines = text.splitlines() if self.has_several else [text]
        return [self._add_trigger(self._write_line(line)) for line in lines if line.strip()]

    def append_lines(self, old: Sequence[str], new: Sequence[str]) -> list[str]:
        """The lines of a file that has the lines *old* and gets *new*: nothing is there twice.

        Tags join those of the same line, which stay as they are.
        """
        if self.data_set is not DataSet.KOHYA:
            known = {" ".join(line.split()) for line in old}
            return [*old, *(line for line in new if " ".join(line.split()) not in known)]
        pairs = zip_longest(old, new, fillvalue="")
        return [self._add_trigger(self._merge_tags(before, after)) if after else before for before, after in pairs]

    @property
    def _escaped_trigger(self) -> str:
        return _escape_braces(self.trigger) if self.data_set is DataSet.KOHYA else self.trigger

    def _write_line(self, text: str) -> str:
        if self.data_set is not DataSet.KOHYA:
            return " ".join(text.split())
        return _escape_braces(write_tags(text.split(","), self.trigger))

    def _add_trigger(self, line: str) -> str:
        trigger = self._escaped_trigger
        start, after = line[: len(trigger)].casefold(), line[len(trigger) : len(trigger) + 1]
        if not trigger or (start == trigger.casefold() and not after.isalnum()):
            return line
        return f"{trigger}, {line}" if line else trigger

    def _merge_tags(self, old: str, new: str) -> str:
        """The tags of both lines without the trigger word, each once, as the first of them is written."""
        trigger = {tag.strip().casefold() for tag in self._escaped_trigger.split(",")}
        tags = [tag for part in f"{old},{new}".split(",") if (tag := part.strip()) and tag.casefold() not in trigger]
        return ", ".join(drop_repeated(tags))


def write_tags(keywords: Iterable[str], trigger: str = "") -> str:
    """Keywords as tags with commas: lower case, no underscores, none twice, none that is the *trigger*."""
    tags: dict[str, None] = {}
    for keyword in keywords:
        tag = " ".join(keyword.lower().replace(",", " ").split())
        if len(tag) > _EMOTICON:
            tag = " ".join(tag.replace("_", " ").split())
        if tag and tag != trigger.lower():
            tags[tag] = None
    return ", ".join(tags)


def _escape_braces(text: str) -> str:
    """*text* without braces that would be a choice."""
    return text.replace("{", "{{").replace("}", "}}")
