"""The words of the house: every dataclass, enum and protocol that more than one room uses.

Nothing here does any work. All dataclasses are frozen; a changed copy comes from ``dataclasses.replace``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Protocol

from msgspec import Meta

PositiveInt = Annotated[int, Meta(ge=1)]
NonNegativeInt = Annotated[int, Meta(ge=0)]

PAGE_MARK = "=== PAGE {n} ==="
"""The line a batched prompt asks the model to write before the text of image *n* (1-based)."""


class Status(StrEnum):
    """What became of a page."""

    OK = "ok"
    SUSPECT = "suspect"
    """There is text, but a judge doubts it."""
    FAILED = "failed"
    BLANK = "blank"
    """Decided from the pixels: nothing was asked."""
    SKIPPED = "skipped"


class Severity(StrEnum):
    """How much a finding weighs: the heaviest one decides a page's status."""

    INFO = "info"
    SUSPECT = "suspect"
    FAILED = "failed"


class FindingKind(StrEnum):
    """What can be said against a page, or must be said about it. The values are part of the JSON output."""

    EMPTY = "empty"
    """The model answered nothing."""
    TRUNCATED = "truncated"
    """The answer reached its length limit."""
    INTERRUPTED = "interrupted"
    """Generation stopped early and neither the model nor we ended it: aborted by someone, or capped."""
    REPETITION = "repetition"
    PROMPT_ECHO = "prompt-echo"
    REFUSAL = "refusal"
    IMAGE_NOT_USED = "image-not-used"
    """The token counts show that the server did not feed the image to the model."""
    MARKS = "marks"
    """The page marks of a batch did not come back in order; the pages were asked one by one."""
    UNREADABLE = "unreadable"
    """The document or page could not be opened or rendered."""
    SERVER = "server"
    """The server gave no usable answer."""
    ADJUSTED = "adjusted"
    """The picture or the answer's limit was made smaller to fit, or a page was split."""
    DAMAGED = "damaged"
    """The document is broken; what can be read of it was read."""
    LOW_CONFIDENCE = "low-confidence"
    """The embedded engine is unsure of what it read."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark about a page."""

    kind: FindingKind
    message: str
    """One sentence for people."""
    severity: Severity = Severity.SUSPECT


@dataclass(frozen=True, slots=True)
class PageRef:
    """The identity of a page."""

    document: str
    """The name as the user gave it; for people and outputs, never used to choose a path."""
    number: int
    """1-based. 0 stands for the document as a whole, when it could not be opened."""
    pages: int | None = None
    """How many pages the document has, where known."""
    digest: str = ""
    """SHA-256 of the document's bytes, hexadecimal; empty when the document could not be read."""


@dataclass(frozen=True, slots=True)
class FileSignature:
    """What tells an unchanged file from a changed one without reading it. ``make`` and ``rsync`` trust it as well."""

    size: int
    """Bytes."""
    modified: int
    """When its bytes were last changed, in nanoseconds since 1970."""


@dataclass(frozen=True, slots=True)
class RasterSpec:
    """What a raster of a page must look like before it is sent."""

    max_side: int
    """Longest side in pixels. Larger pictures are shrunk; smaller ones are never enlarged."""
    dpi: float | None = None
    """Resolution for pages that have a size on paper. ``None``: as fine as ``max_side`` allows,
    but not over 300 dpi."""
    max_pixels: int | None = None
    """Upper limit of width times height, where the model's token budget asks for one."""
    max_aspect: float = 4.0
    """Strips longer than this (long side / short side) are split or padded."""
    split: bool = True
    """Split long strips that would have to be shrunk, at their emptiest lines (text); else pad them (pictures)."""
    jpeg_quality: int = 90
    find_blank: bool = True
    """Look whether there is anything on the page that could be read."""


@dataclass(frozen=True, slots=True)
class PageImage:
    """The encoded image of a page, or of one part of a page that had to be split."""

    page: PageRef
    media_type: str
    """``image/jpeg`` or ``image/png``: RGB (or grey, of a scan that was taken as it is), upright, without alpha."""
    data: bytes = field(repr=False)
    width: int
    height: int
    part: int = 1
    """1-based part of the page, top to bottom or left to right."""
    parts: int = 1
    findings: tuple[Finding, ...] = ()
    """What had to be done to the page to get this image."""
    blank: bool = False
    """The pixels hold nothing that could be read; on every part of a page that is blank."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """How the next token is chosen. A field per setting: a server ignores a misspelt key without a word."""

    temperature: float = 0.0
    """0 is greedy."""
    top_p: float = 1.0
    top_k: NonNegativeInt = 0
    """0 switches it off."""
    min_p: float = 0.0
    rep_pen: float = 1.0
    """1.0 is none. Penalties damage tables and ruled lines."""
    seed: PositiveInt = 1
    """Always positive: servers replace 0 and below by the clock."""


@dataclass(frozen=True, slots=True)
class ChatMarkers:
    """The strings that a model's chat template puts around the turns. No begin-of-text token: servers add it."""

    prefix: str = ""
    system_start: str = ""
    system_end: str = ""
    user_start: str = ""
    user_end: str = ""
    assistant_start: str = ""
    assistant_end: str = ""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What is known of a model's image encoder."""

    longest_side: PositiveInt
    """Pixels on the long side of an A4 page that the encoder can use (or its maker recommends)."""
    fixed_tokens: PositiveInt | None = None
    """Image tokens, when the encoder turns every picture into the same number."""
    min_tokens: PositiveInt | None = None
    max_tokens: PositiveInt | None = None
    px_per_token_side: PositiveInt | None = None
    """Dynamic encoders: one token covers a square of this many pixels a side."""
    koboldcpp_max_tokens: PositiveInt | None = None
    """KoboldCpp's own, lower limit for this encoder."""
    koboldcpp_longest_side: PositiveInt | None = None
    encoder: str = ""
    input: str = ""
    """The encoder's input in words, for people."""
    markup: tuple[str, ...] = ()
    """What engines put around the image tokens, where the model's vocabulary has it."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """What the model files (GGUF) of a family hold. Empty: not known."""

    architectures: tuple[str, ...] = ()
    """Of the language model."""
    projector_types: tuple[str, ...] = ()
    projector_names: tuple[str, ...] = ()
    """What converters wrote as the projector's name or description."""
    embedding_lengths: tuple[int, ...] = ()
    """Widths of the language models."""
    minicpmv_versions: tuple[int, ...] = ()
    base: str = ""
    """The family of language models that it was made from, where the architecture does not tell."""
    koboldcpp_since: str = ""
    """First version of KoboldCpp that knows the projector type."""


@dataclass(frozen=True, slots=True)
class Preset:
    """Everything that is particular to a model family: one file under ``prompts/models``."""

    name: str
    title: str
    chat: ChatMarkers
    image: ImageFacts
    stop_sequences: tuple[str, ...] = ()
    system: str = ""
    image_text: str = ""
    """What the model's own template writes for an image; only for servers that want a marker in the text."""
    image_after_prompt: bool = False
    context_length: int = 0
    """What the model was trained for; the server's is what counts. 0: unknown."""
    sampler: Sampler = Sampler()
    max_length: int | None = None
    """Longest answer in tokens that its maker uses."""
    special_tokens: bool = False
    """Its answers are partly made of special tokens, which servers leave out of a text unless they are told."""
    task_prompts: tuple[tuple[str, str], ...] = ()
    """Prompts that the model was trained on, by task name; they replace the task's own text.
    An empty one means: no text at all, only the image."""
    name_patterns: tuple[str, ...] = ()
    """Regular expressions, searched without regard to case in the model name that a server reports."""
    runs_in: tuple[str, ...] = ()
    group: str = ""
    caveats: tuple[str, ...] = ()
    """Known failure modes, for people."""
    recognition: Recognition = Recognition()
    origin: str = ""
    """Where the file was found: ``builtin`` or a path."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked of a page: one file under ``prompts/tasks``."""

    name: str
    title: str
    prompt: str
    """The user turn, with ``{{name}}`` placeholders."""
    system: str = ""
    """Replaces the preset's system text when not empty."""
    markdown: bool = True
    """The answer is Markdown (else plain text)."""
    caption: bool = False
    """The answer speaks about a picture instead of reading it: one picture, one text, never split."""
    max_length: int = 4096
    """Tokens that an answer may need at the most."""
    defaults: tuple[tuple[str, str], ...] = ()
    """Values of placeholders for which nobody gives another, by name."""
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A system text, one user turn of texts and images, and the model's chat markers: serves every dialect."""

    system: str
    parts: tuple[str | PageImage, ...]
    chat: ChatMarkers

    @property
    def images(self) -> tuple[PageImage, ...]:
        """The images of the turn, in order."""
        return tuple(part for part in self.parts if isinstance(part, PageImage))

    @property
    def text(self) -> str:
        """The texts of the turn joined, without the images."""
        return "".join(part for part in self.parts if isinstance(part, str))


@dataclass(frozen=True, slots=True)
class Request:
    """One question to an engine."""

    prompt: Prompt
    sampler: Sampler
    max_length: int
    """Most tokens the answer may have."""
    context_length: int | None = None
    """Tokens of context to ask for; ``None``: the server's own."""
    stop_sequences: tuple[str, ...] = ()
    special_tokens: bool = False
    """The answer's special tokens are part of its text."""
    deep: bool = False
    """A second, more careful look: engines that have a slower, better way take it."""


class FinishReason(StrEnum):
    """Why a completion ended."""

    STOP = "stop"
    """The model said so, or a stop sequence matched."""
    LENGTH = "length"
    """The length limit was reached."""
    ABORTED = "aborted"
    """Stopped from outside, or capped by the server's operator."""
    LOOP = "loop"
    """We stopped it, because it only repeated itself."""
    TIME = "time"
    """We stopped it, because it took longer than it may."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Completion:
    """An engine's answer to one request, as it came."""

    text: str
    finish_reason: FinishReason = FinishReason.UNKNOWN
    prompt_tokens: int | None = None
    """Tokens that the server really processed: text, images and separators."""
    text_tokens: int | None = None
    """Tokens of the prompt's text alone, as the server counts them."""
    completion_tokens: int | None = None
    server: str = ""
    model: str = ""
    seconds: float = 0.0
    retries: int = 0
    """Transport retries that it took."""
    confidence: float | None = None
    """0 to 1, from engines that know it."""
    final: bool = False
    """Asking again would bring the same answer."""


@dataclass(frozen=True, slots=True)
class PageResult:
    """What became of one page: the unit of every output."""

    page: PageRef
    text: str
    status: Status
    findings: tuple[Finding, ...] = ()
    asks: int = 0
    """How many completions were asked for this page."""
    retries: int = 0
    """Transport retries within these asks."""
    server: str = ""
    model: str = ""
    seconds: float = 0.0
    """Time the server took, over all asks."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    width: int = 0
    """Of the (first) image that was sent, in pixels; 0 when none was."""
    height: int = 0


@dataclass(frozen=True, slots=True)
class Server:
    """What a probe found out about an engine, and what it may be asked."""

    url: str
    """Base address without credentials; ``local:`` for the embedded engine."""
    dialect: str
    """The wire language, ``local`` for the embedded engine."""
    kind: str = ""
    """Product name as it calls itself."""
    version: str = ""
    model: str = ""
    vision: bool | None = None
    """Whether it can see pictures; ``None``: it does not say."""
    context_length: int | None = None
    max_images: int = 1
    """Images per request that it is known to use."""
    max_side: int | None = None
    """Longest side in pixels that it certainly keeps no more than; ``None``: unknown."""
    assumed_side: int | None = None
    """The side to which it shrinks larger pictures unless its operator said otherwise."""
    max_body: int | None = None
    """Largest request body in bytes."""
    counts_tokens: bool = True
    """Its answers tell how many tokens were processed: the proof that a picture was used."""
    slots: int = 1
    """Requests that it works on at the same time."""
    ahead: int = 0
    """Further requests worth having in its queue, so that it has the next one at hand when it is done with one."""
    preset: str = ""
    """Name of the preset that belongs to its model, where more than the model's name tells it."""
    marker: str = ""
    """What stands for a picture in the prompt's text, where a server wants that."""
    reads_only: bool = False
    """Reads text, cannot describe pictures or follow a prompt."""
    applies_template: bool = False
    """It writes the model's chat template itself, so that a prompt's chat markers are not sent."""
    aborts: bool = True
    """It can be told to stop one request; else hanging up is all that can be done."""
    vision_remedy: str = "Load a model that can see pictures."
    """What makes it see, in one sentence."""
    context_remedy: str = "Start the server with a larger context"
    """What gives it more context: the beginning of a sentence."""
    clamp_remedy: str = ""
    """What makes it keep larger pictures, where it shrinks them: the end of a sentence."""
    warnings: tuple[str, ...] = ()

    @property
    def in_flight(self) -> int:
        """Requests worth having under way at once."""
        return self.slots + self.ahead


class Engine(Protocol):
    """Completes requests: one server, a pool of servers, the embedded engine, a test's fake."""

    server: Server

    def complete(self, request: Request) -> Completion:
        """Answer one request; called from several threads at once, up to ``server.in_flight``.

        Raises a ``ServerError`` when there is no answer. A bad answer is returned, not judged.
        """
        ...

    def count_tokens(self, text: str) -> int | None:
        """Tokens of *text* as the model counts them, begin-of-text included; ``None`` when unknown."""
        ...

    def cancel(self) -> None:
        """Stop what is running as soon as possible; callable from any thread, more than once."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...


class PageSource(Protocol):
    """Documents as pages."""

    @property
    def concurrency(self) -> int:
        """How many threads may call ``load`` at once. ``pages`` is for one thread."""
        ...

    def pages(self) -> Iterator[PageRef]:
        """Every page asked for, in order, found lazily; nothing is rendered.

        A document that cannot be opened yields one page with number 0, whose ``load`` raises why.
        """
        ...

    def load(self, page: PageRef, spec: RasterSpec) -> tuple[PageImage, ...]:
        """The images of one page: usually one, several for a strip that had to be split.

        Raises ``DocumentError`` when the page cannot be rendered.
        """
        ...

    def close(self) -> None:
        """Stop what runs and close what is open; callable from any thread. What was interrupted raises."""
        ...


# --- events: what the core tells whoever watches -------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Planned:
    """The run is about to start."""

    documents: int
    """0 while it is not known how many."""
    pages: int | None = None
    """``None`` while it is not known."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A page is being asked for the ``ask``-th time."""

    page: PageRef
    ask: int
    reason: str = ""
    """Why it is asked again; empty on the first ask."""


@dataclass(frozen=True, slots=True)
class Retrying:
    """The same request goes out again after ``wait`` seconds."""

    reason: str
    wait: float
    attempt: int


@dataclass(frozen=True, slots=True)
class Progress:
    """A page is being written; told while a slow answer grows."""

    page: PageRef
    characters: int
    """Of the answer so far; 0 while the image is being looked at."""
    seconds: float
    """Since the question."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A page is finished; in completion order."""

    result: PageResult
    known: bool = False
    """It comes from an earlier run."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know."""

    message: str
    warning: bool = False


Event = Planned | Asked | Progress | Retrying | Answered | Notice
Observer = Callable[[Event], None]
"""Gets every event, from any thread; must not raise and must not take long."""


def ignore(event: Event) -> None:
    """The observer that does not look."""
