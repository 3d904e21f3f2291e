"""The parts of files of results that stand for one page each, and what takes their place when a page is corrected."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from visionocr.boxes import Box
from visionocr.errors import DocumentError
from visionocr.evidence import Doubt, DoubtKind
from visionocr.formats.markdown_reader import parse_markdown
from visionocr.output.containment import contain_line, contain_markdown, contain_plain
from visionocr.output.files import encode_text
from visionocr.output.formats import record_blocks
from visionocr.output.saved import PAGE_COMMENT, read_attributes
from visionocr.types import Status

_GAP = re.compile(r"(?:> \*\*)?\[[^\n]*\](?:\*\*)?")
"""The visible line that stands for the text of a page that failed."""
_RULE = re.compile(r"\r?\n---\r?\n\Z")
_CAPTION = re.compile(
    r"^\*\*(?P<name>(?:\\.|[^\\*\n])+)\*\*: (?P<comment><!-- visionocr (?P<inner>(?:[a-z]+=\"[^\"\n]*\" ?)+)--> )?"
    r"(?P<text>[^\n]*?)(?=\r?$)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class FilePage:
    """A page in a file of results."""

    is_caption: ClassVar[bool] = False
    """Its text is what a model says about a picture."""
    is_sidecar: ClassVar[bool] = False
    """The file is a caption and nothing else."""
    document: str
    """As the file names it."""
    number: int
    """1-based; 0 stands for a document that could not be opened."""
    status: str
    findings: str
    text: str
    """Its lines end in a line feed, whatever those of the file end in."""
    part: str
    """All that stands in the file for the page."""
    begin: int
    """Where that begins in the text of the file."""
    doubts: tuple[Doubt, ...] = ()
    digest: str = ""
    """Of the document; empty where the file does not say."""

    @property
    def mark(self) -> str:
        """Changes with anything in the page's part of the file."""
        return hashlib.sha256(encode_text(self.part)).hexdigest()

    def contain(self, text: str) -> str:
        """*text* as it stands in a file of this kind, so that it stays within its page."""
        return text

    def rewrite(self, text: str) -> str:
        """The page's part of the file with *text*, checked by a person."""
        raise NotImplementedError


# --- Markdown and text ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _CommentedPage(FilePage):
    """A page that begins with a page comment."""

    head: int = 0
    """Length of what stands before the text: the comment, a heading, the end of their line."""
    body: int = 0
    """Length of the text as it stands in the file."""
    is_markdown: bool = True

    def contain(self, text: str) -> str:
        return contain_markdown(text) if self.is_markdown else contain_plain(text)

    def rewrite(self, text: str) -> str:
        head, body, tail = (
            self.part[: self.head],
            self.part[self.head :][: self.body],
            self.part[self.head + self.body :],
        )
        comment, end, heading = head.partition("-->")
        comment = re.sub(r'status="[^"]*"', f'status="{Status.CHECKED}"', re.sub(r' findings="[^"]*"', "", comment))
        head = comment + end + heading
        line = "\r\n" if "\r\n" in self.part else "\n"
        if text != self.text or not text:  # what stands in place of a text that is missing goes, too
            body = self.contain(text).replace("\n", line)
        if body and not head.endswith("\n"):  # the comment is the file's end
            head += line
        if body and not self.body:
            body += line
        elif self.body and not body:
            tail = tail.removeprefix(line)
        return f"{head}{body}{tail}"


def find_pages(text: str, *, is_markdown: bool) -> Iterator[FilePage]:
    """The pages of Markdown or text with page comments."""
    comments = list(PAGE_COMMENT.finditer(text))
    for at, comment in enumerate(comments):
        end = comments[at + 1].start() if at + 1 < len(comments) else len(text)
        values = read_attributes(comment[1])
        number, document = values.get("page", ""), values.get("document", "")
        rest = text[comment.end() : end]
        title = re.match(r"\r?\n## ([^\r\n]*)\r?\n", rest)
        is_heading = title is not None and title[1] in {f"Page {number} of {document}", document}
        head = title.end() if title is not None and is_heading else 0
        rule = _RULE.search(rest, max(0, head - 1)) if at + 1 < len(comments) else None
        rest = rest[: rule.start()] if rule else rest
        body = rest[head:].strip("\r\n")
        if body:
            head = rest.index(body, head)
        elif rest[head:]:
            head += 2 if rest[head:].startswith("\r\n") else 1
        shown = body.replace("\r\n", "\n")
        yield _CommentedPage(
            document,
            int(number) if number.isdecimal() else 0,
            values.get("status", ""),
            values.get("findings", ""),
            "" if values.get("status") == Status.FAILED and _GAP.fullmatch(body) else shown,
            text[comment.start() : comment.end() + len(rest)],
            comment.start(),
            head=comment.end() - comment.start() + head,
            body=len(body),
            is_markdown=is_markdown,
        )


# --- captions ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Caption(FilePage):
    """A line ``**picture**: caption``."""

    is_caption: ClassVar[bool] = True
    label: str = ""
    """What stands before the caption, without a comment."""

    def contain(self, text: str) -> str:
        return contain_line(" ".join(text.split()))

    def rewrite(self, text: str) -> str:
        return f"{self.label}{self.contain(text)}"


def find_captions(text: str) -> Iterator[FilePage]:
    """The captions of a file of several pictures."""
    for found in _CAPTION.finditer(text):
        values = read_attributes(found["inner"] or "")
        gap = f"**{found['text'].strip('*')}**" == found["text"] and values.get("status") == Status.FAILED
        yield _Caption(
            re.sub(r"\\(.)", r"\1", found["name"]),
            int(values.get("page", "1")) if values.get("page", "1").isdecimal() else 1,
            values.get("status", Status.OK),
            values.get("findings", ""),
            "" if gap else found["text"],
            found[0],
            found.start(),
            label=f"**{found['name']}**: ",
        )


@dataclass(frozen=True, slots=True)
class _Sidecar(FilePage):
    """The caption in a file of its own."""

    is_caption: ClassVar[bool] = True
    is_sidecar: ClassVar[bool] = True

    def contain(self, text: str) -> str:
        lines = text.split("\n") if "\n" in self.text else [text]
        return "\n".join(" ".join(line.split()) for line in lines)

    def rewrite(self, text: str) -> str:
        body = self.part.rstrip("\r\n")
        end = self.part[len(body) :] if self.part else "\n"
        if text != self.text:
            body = self.contain(text).replace("\n", "\r\n" if "\r\n" in self.part else "\n")
        return body + end


def find_sidecar(text: str, picture: str) -> FilePage:
    """What ``describe --sidecar`` writes beside *picture*: one caption, or one on each line."""
    return _Sidecar(picture, 1, Status.OK, "", text.strip().replace("\r\n", "\n"), text, 0)


# --- JSON and JSON Lines -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Record(FilePage):
    """A JSON object."""

    def rewrite(self, text: str) -> str:
        changed: dict[str, Any] = {"text": text, "status": Status.CHECKED.value, "findings": [], "doubts": []}
        return json.dumps(json.loads(self.part) | changed | {"blocks": record_blocks(parse_markdown(text))})


@dataclass(frozen=True, slots=True)
class _Finding:
    message: str


@dataclass(frozen=True, slots=True)
class _Doubt:
    kind: DoubtKind
    text: str = ""
    instead: str | None = None
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class _Fields:
    """The fields of ``formats.record`` that are looked at."""

    document: str
    text: str
    status: str
    page: int | None = None
    digest: str | None = None
    findings: tuple[_Finding, ...] = ()
    doubts: tuple[_Doubt, ...] = ()


def find_records(name: str, text: str) -> Iterator[FilePage]:
    """The objects in a JSON array, or one after the other."""
    decoder = json.JSONDecoder()
    between = re.compile(r"[\s,\[\]]*")
    at = 0
    try:
        while (at := between.match(text, at).end()) < len(text):  # type: ignore[union-attr]  # it matches everything
            value: Any
            value, end = decoder.raw_decode(text, at)
            fields = msgspec.convert(value, _Fields)
            yield _Record(
                fields.document,
                fields.page or 0,
                fields.status,
                "; ".join(finding.message for finding in fields.findings),
                fields.text,
                text[at:end],
                at,
                tuple(
                    Doubt(each.kind, each.text, each.instead or "", each.box and Box(*each.box))
                    for each in fields.doubts
                ),
                fields.digest or "",
            )
            at = end
    except (ValueError, RecursionError):  # of JSON, and of msgspec for other fields
        raise DocumentError(
            f"{name} does not hold results of visionocr", "Give the output of -f json or -f jsonl."
        ) from None
