"""Builds a ``Request`` from a task, a preset and page images, and the raw text of a ``Prompt``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from itertools import count
from typing import Protocol

from visionocr.prompting import placeholders
from visionocr.types import (
    PAGE_MARK,
    AnswerFormat,
    Finding,
    PageImage,
    Preset,
    Prompt,
    Request,
    Sampler,
    Shape,
    Task,
)

LONGEST_NOTE = 500
"""Characters of a placeholder's value that comes out of somebody's file."""
_CONTROL = r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
"""Control characters, also those that turn the direction of writing, and halves of characters."""
NOT_KNOWN = "unknown"
"""What stands for such a value where there is none."""


class AnswerForm(Protocol):
    """What the answers to a question must be besides good."""

    @property
    def shape(self) -> Shape | None:
        """What the server shall enforce."""
        ...

    def judge(self, text: str, *, is_cut: bool) -> tuple[str, tuple[Finding, ...]]:
        """An answer in its final form, and what is wrong with it. *is_cut*: it ended at its length limit."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of every page of a run."""

    preset: Preset
    task: Task
    sampler: Sampler
    max_length: int
    prompt: str | None = None
    """The user's prompt; replaces the preset's and the task's."""
    system: str | None = None
    """The user's system text; replaces the task's and the preset's."""
    language: str | None = None
    boxes: bool = False
    """Use the model's prompt that asks for the place of everything, where it has one."""
    batch_prompt: str = ""
    """The text that asks for page marks, with the placeholders ``{{count}}`` and ``{{marks}}``."""
    form: AnswerForm | None = None
    notes: tuple[tuple[str, str], ...] = ()
    """Values of placeholders that only the caller knows, by name: ``caption`` and ``keywords``."""

    @property
    def template(self) -> str:
        """The user turn before its placeholders are filled: the user's, else the model's own, else the task's."""
        if self.prompt is not None:
            return self.prompt
        prompts = dict(self.preset.task_prompts) | (dict(self.preset.grounded_prompts) if self.boxes else {})
        return prompts.get(self.task.name, self.task.prompt)

    @property
    def answer_format(self) -> AnswerFormat:
        """The format in which the model is expected to answer."""
        if self.prompt is not None:
            return AnswerFormat.MARKDOWN
        if self.boxes and self.task.name in dict(self.preset.grounded_prompts) and self.preset.answer.grounded:
            return self.preset.answer.grounded
        return self.preset.answer.format_of(self.task.name)

    @property
    def system_template(self) -> str:
        """The system text before its placeholders are filled: the user's, else the task's, else the preset's."""
        if self.system is not None:
            return self.system
        return self.task.system or self.preset.system

    @property
    def is_transcription(self) -> bool:
        """Whether the answer should be the whole text of the page as it stands there."""
        return self.task.name in {"transcribe", "text"} and self.prompt is None and self.language is None

    @property
    def has_boxes(self) -> bool:
        """Whether the model is asked in a way in which it gives the places of blocks."""
        is_grounded = self.boxes and self.task.name in dict(self.preset.grounded_prompts)
        return (
            self.prompt is None
            and self.preset.answer.boxes is not None
            and (is_grounded or self.preset.answer.format_of(self.task.name) is not AnswerFormat.MARKDOWN)
        )

    @property
    def may_describe(self) -> bool:
        """Whether an answer may speak about the page: a caption does, and one to the user's own prompt may."""
        return self.task.caption or self.prompt is not None

    @property
    def uses_language(self) -> bool:
        """Whether prompt or system text have a placeholder for the language: a model's own prompt may have none."""
        return self.uses("language")

    def uses(self, *names: str) -> bool:
        """Whether prompt or system text have one of these placeholders."""
        return re.search(rf"\{{\{{\s*({'|'.join(names)})\s*\}}\}}", self.template + self.system_template) is not None


def build_request(question: Question, images: Sequence[PageImage], sampler: Sampler | None = None) -> Request:
    """The request for one image, or for several pages with page marks. *sampler* replaces the question's."""
    preset = question.preset
    page = images[0].page
    notes = {**_split_path(page.document), "date": images[0].taken, **dict(question.notes)}
    values = {
        "language": "the language of the page",
        **dict(question.task.defaults),
        **({"language": question.language} if question.language else {}),
        "document": _sanitize(page.document, preset),
        "page": str(page.number),
        "pages": str(page.pages or ""),
        "caption": NOT_KNOWN,
        "keywords": NOT_KNOWN,
        **{name: " ".join(_sanitize(note[:LONGEST_NOTE], preset).split()) or NOT_KNOWN for name, note in notes.items()},
    }
    text = placeholders.fill(question.template, values)
    if len(images) > 1:
        marks = "\n".join(PAGE_MARK.format(n=number) for number in range(1, len(images) + 1))
        ask_for_marks = placeholders.fill(question.batch_prompt, {"count": str(len(images)), "marks": marks})
        text = f"{text}\n\n{ask_for_marks}".strip()
    parts: tuple[str | PageImage, ...] = (text, *images) if preset.image_after_prompt else (*images, text)
    return Request(
        prompt=Prompt(placeholders.fill(question.system_template, values), parts, preset.chat),
        sampler=sampler or question.sampler,
        max_length=question.max_length,
        stop_sequences=preset.stop_sequences,
        special_tokens=preset.special_tokens,
        shape=question.form.shape if question.form is not None and len(images) == 1 else None,
    )


def wrap(prompt: Prompt, image: Callable[[PageImage, int], str] | None = None) -> str:
    """The prompt as raw text in the model's chat template.

    ``image`` returns the placeholder of an image, given the image and its 0-based index. Without it images leave no
    trace in the text, for servers that take them beside it. Nothing follows ``assistant_start``, because even a
    trailing blank would change the tokens.
    """
    chat = prompt.chat
    system = f"{chat.system_start}{prompt.system}{chat.system_end}" if prompt.system else ""
    index = count()
    turn = "".join(
        part if isinstance(part, str) else image(part, next(index)) if image else "" for part in prompt.parts
    )
    return f"{chat.prefix}{system}{chat.user_start}{turn}{chat.user_end}{chat.assistant_start}"


def _split_path(document: str) -> dict[str, str]:
    """The last folder of a document's path, and the name of its file without the ending."""
    *folders, name = re.split(r"[\\/]", document)
    return {"folder": folders[-1] if folders else "", "name": name.rpartition(".")[0] or name}


def _sanitize(name: str, preset: Preset) -> str:
    """A text of somebody else's without what a server or model could take for a special token or placeholder."""
    markers = {*astuple(preset.chat), *preset.stop_sequences, preset.image_text}
    special = "|".join(re.escape(marker.strip()) for marker in markers if marker.strip())
    unwanted = re.compile(rf"{special or '(?!)'}|<[^<>]*>|\{{\{{\[|{_CONTROL}")
    while (rest := unwanted.sub(" ", name)) != name:  # removing a marker may join its surroundings to another one
        name = rest
    return name
