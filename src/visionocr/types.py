"""Dataclasses, enums and protocols that more than one package uses.

All dataclasses are frozen; ``dataclasses.replace`` makes a changed copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Protocol

from msgspec import Meta

from visionocr.blocks import Block
from visionocr.boxes import Box, PageSize, TextLine
from visionocr.evidence import Doubt, Evidence

PositiveInt = Annotated[int, Meta(ge=1)]
NonNegativeInt = Annotated[int, Meta(ge=0)]

PAGE_MARK = "=== PAGE {n} ==="
"""The line a batched prompt asks the model to write before the text of image *n* (1-based)."""


class Status(StrEnum):
    """How the reading of a page ended."""

    OK = "ok"
    SUSPECT = "suspect"
    """There is text, but a check found something wrong with it."""
    FAILED = "failed"
    BLANK = "blank"
    """Decided from the pixels; the model was not asked."""
    SKIPPED = "skipped"
    CHECKED = "checked"
    """A person has compared the text with the page, and corrected it where it was wrong. No run says this of a page."""


class Severity(StrEnum):
    """How serious a finding is. The most serious one decides the status of a page."""

    INFO = "info"
    SUSPECT = "suspect"
    FAILED = "failed"


class FindingKind(StrEnum):
    """What a finding is about. The values are part of the JSON output."""

    EMPTY = "empty"
    """The answer is empty."""
    TRUNCATED = "truncated"
    """The answer reached its length limit."""
    INTERRUPTED = "interrupted"
    """Generation stopped early, and neither the model nor this program ended it: aborted, or capped by the server."""
    REPETITION = "repetition"
    PROMPT_ECHO = "prompt-echo"
    REFUSAL = "refusal"
    IMAGE_NOT_USED = "image-not-used"
    """The token counts show that the server did not pass the image to the model."""
    MARKS = "marks"
    """The page marks of a batch did not come back in order; its pages were read one by one."""
    UNREADABLE = "unreadable"
    """The document or page could not be opened or rendered."""
    SERVER = "server"
    """The server gave no usable answer."""
    ADJUSTED = "adjusted"
    """The image or the limit of the answer was made smaller to fit, or a page was split."""
    DAMAGED = "damaged"
    """The document is damaged; the readable part was read."""
    LOW_CONFIDENCE = "low-confidence"
    """The embedded engine reports a low confidence."""
    NOISE = "noise"
    """The embedded engine left out what looks like halftone or specks and not like print."""
    MISSING_TEXT = "missing-text"
    """Lines of the page are not in the answer."""
    ADDED_TEXT = "added-text"
    """The answer has words that are not on the page."""
    NUMBERS_DIFFER = "numbers-differ"
    """The page has other numbers than the answer."""
    NOT_A_TRANSCRIPTION = "not-a-transcription"
    """The answer speaks about the page instead of giving its text."""
    REMOVED_TEXT = "removed-text"
    """More than a few words were taken out of the answer: reasoning, or what stood behind a chat marker."""
    TEXT_LAYER = "text-layer"
    """The text is the document's own text layer; or why that layer was not believed."""
    FORMAT = "format"
    """The answer is not in the format that its model writes, or the server left marks out of it."""
    HIDDEN_CONTENT = "hidden-content"
    """The document has content that is not on its pages, such as attachments or a dynamic form."""
    SCHEMA = "schema"
    """The answer is no record of the schema."""
    REPAIRED = "repaired"
    """A value of a record was taken for another one that it can only mean."""
    CONFLICT = "conflict"
    """The pages of a document give different values, or repeat the same items."""
    NOT_ON_PAGE = "not-on-page"
    """A value of a record stands nowhere on the page."""
    FIGURE = "figure"
    """A picture on the page could not be cut out or described."""
    CHECK = "check"
    """Values of a record contradict each other, or cannot be right: sums, dates, account numbers, limits."""
    CAPTION = "caption"
    """A caption is not as it was asked for: its words, its length, its form, or the same as another one."""
    NOTED = "noted"
    """What a file of results says of a page without saying its kind."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark about a page."""

    kind: FindingKind
    message: str
    """One sentence for the user."""
    severity: Severity = Severity.SUSPECT


@dataclass(frozen=True, slots=True)
class PageRef:
    """The identity of a page."""

    document: str
    """The name as the user gave it; for messages and outputs, never used to choose a path."""
    number: int
    """1-based; 0 is the document as a whole, when it could not be opened."""
    pages: int | None = None
    """Number of pages in the document, where known."""
    digest: str = ""
    """SHA-256 of the document's bytes, hexadecimal; empty when the document could not be read."""


@dataclass(frozen=True, slots=True)
class FileSignature:
    """Shows whether a file has changed without reading it, as ``make`` and ``rsync`` do."""

    size: int
    """Bytes."""
    modified: int
    """Time of the last modification in nanoseconds since 1970."""


@dataclass(frozen=True, slots=True)
class RasterSpec:
    """Requirements on the raster of a page."""

    max_side: int
    """Longest side in pixels. Larger images are shrunk; smaller ones are never enlarged."""
    dpi: float | None = None
    """Resolution for pages that have a size on paper. ``None``: the highest that ``max_side`` allows, up to 300."""
    max_pixels: int | None = None
    """Upper limit of width times height, where the model's token budget needs one."""
    max_aspect: float = 4.0
    """Strips longer than this (long side / short side) are split or padded."""
    split: bool = True
    """Split long strips that would have to be shrunk, at their emptiest lines (text); else pad them (pictures)."""
    jpeg_quality: int = 90
    find_blank: bool = True
    """Detect blank pages."""
    find_evidence: bool = False
    """Give the page's evidence with its images."""
    fit_print: bool = False
    """Send no more pixels than the page's print needs, where the evidence tells."""
    strips: int | None = 1
    """Into how many strips of full width a page is cut. ``None``: as many as its small print needs."""
    turn: int = 0
    """Degrees clockwise by which the picture is turned before it is cut and shrunk: 0, 90, 180 or 270."""

    @property
    def needs_print(self) -> bool:
        """Whether the size of a page's print decides how it is sent."""
        return self.find_evidence and (self.fit_print or self.strips is None)


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
    """What had to be changed on the way from the page to this image."""
    blank: bool = False
    """The page is blank. All parts of a page have the same value."""
    region: Box = Box(0.0, 0.0, 1.0, 1.0)
    """The part of the page that it shows; reaches over the page where it was padded with white."""
    overlaps: bool = False
    """It begins with lines with which the part before it ends."""
    reduction: float = 1.0
    """Its size as a share of the largest useful one: below 1 where its print needs no more."""
    turn: int = 0
    """Degrees clockwise by which it was turned; *region* and *evidence* are those of the page as it is displayed."""
    evidence: Evidence | None = field(default=None, repr=False)
    """What is known of the page without the model. All parts of a page have the same value."""
    taken: str = ""
    """The day on which a photo was taken, as its EXIF data say: ``2024-05-31``. Empty where they do not."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """How the next token is chosen. One field per setting, because servers silently ignore misspelt keys."""

    temperature: float = 0.0
    """0 is greedy."""
    top_p: float = 1.0
    top_k: NonNegativeInt = 0
    """0 switches it off."""
    min_p: float = 0.0
    rep_pen: float = 1.0
    """1.0 is none. Penalties damage tables and ruled lines."""
    seed: PositiveInt = 1
    """Positive, because servers replace 0 and below by the time."""


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
    """Facts about a model's image encoder."""

    longest_side: PositiveInt
    """Pixels on the long side of an A4 page that the encoder can use (or its maker recommends)."""
    fixed_tokens: PositiveInt | None = None
    """Image tokens, where the encoder makes the same number of every picture."""
    min_tokens: PositiveInt | None = None
    max_tokens: PositiveInt | None = None
    px_per_token_side: PositiveInt | None = None
    """Dynamic encoders: one token covers a square of this many pixels a side."""
    koboldcpp_max_tokens: PositiveInt | None = None
    """KoboldCpp's own, lower limit for this encoder."""
    koboldcpp_longest_side: PositiveInt | None = None
    encoder: str = ""
    input: str = ""
    """The encoder's input in words, for the user."""
    markup: tuple[str, ...] = ()
    """Special tokens that engines put around the image tokens."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """What identifies the model files (GGUF) of a family. Empty: not known."""

    architectures: tuple[str, ...] = ()
    """Of the language model."""
    projector_types: tuple[str, ...] = ()
    projector_names: tuple[str, ...] = ()
    """Names or descriptions that converters give the projector."""
    embedding_lengths: tuple[int, ...] = ()
    """Embedding lengths of the language models."""
    minicpmv_versions: tuple[int, ...] = ()
    base: str = ""
    """The family of the base model, where the architecture does not tell."""
    koboldcpp_since: str = ""
    """First version of KoboldCpp that supports the projector type."""


class AnswerFormat(StrEnum):
    """The formats in which models answer. The values stand in preset files."""

    MARKDOWN = "markdown"
    """Also with tables in HTML or OTSL, and with the tags of Nanonets and HunyuanOCR."""
    DOCTAGS = "doctags"
    HTML = "html"
    """Also blocks with places: ``<div data-bbox=… data-label=…>``."""
    JSON = "json"
    """A list of objects with box, label and text."""
    GROUNDED = "grounded"
    """Markdown with ``<|ref|>label<|/ref|><|det|>[[…]]<|/det|>`` in front of its parts."""
    HUNYUAN = "hunyuan"
    """Markdown with ``<hy-meta>`` behind its parts."""
    SPOTS = "spots"
    """Words and lines, each with its place behind it."""


@dataclass(frozen=True, slots=True)
class BoxScale:
    """What the numbers of a model's boxes are measured in."""

    full: int | None = None
    """The number at the right and the lower edge. ``None``: pixels of the picture as the model saw it."""
    multiple: int | None = None
    """With pixels: the encoder first made both sides multiples of this."""
    min_pixels: int = 1
    """With pixels: the least and the most that the encoder made of a picture."""
    max_pixels: int = 10**9
    is_y_first: bool = False
    """The vertical number of each corner comes first."""


@dataclass(frozen=True, slots=True)
class AnswerFacts:
    """In which format a model answers."""

    format: AnswerFormat = AnswerFormat.MARKDOWN
    tasks: tuple[tuple[str, AnswerFormat], ...] = ()
    """The formats of single tasks, by name, where they differ."""
    grounded: AnswerFormat | None = None
    """The format of answers to its prompts that ask for boxes."""
    boxes: BoxScale | None = None
    """``None``: its answers have no boxes, or it is not known what they mean."""

    def format_of(self, task: str) -> AnswerFormat:
        """The format of the answers to a task."""
        return dict(self.tasks).get(task, self.format)


class Headers(StrEnum):
    """What becomes of the headers, footers and numbers of pages."""

    KEEP = "keep"
    """They stand in the text where the model read them."""
    DROP = "drop"
    COMMENT = "comment"
    """They become HTML comments, which are not displayed."""


class Tables(StrEnum):
    """How tables are written."""

    AUTO = "auto"
    """As pipe tables where those can hold them, else in HTML."""
    HTML = "html"


@dataclass(frozen=True, slots=True)
class Preset:
    """Everything specific to a model family: one file in ``prompts/models``."""

    name: str
    title: str
    chat: ChatMarkers
    image: ImageFacts
    stop_sequences: tuple[str, ...] = ()
    system: str = ""
    image_text: str = ""
    """What the model's own template writes for an image; only for servers that need a marker in the text."""
    image_after_prompt: bool = False
    context_length: int = 0
    """Tokens that the model was trained for; the server's context is what counts. 0: unknown."""
    sampler: Sampler = Sampler()
    """For captions: what its maker gives for general use."""
    reading_sampler: Sampler = Sampler()
    """For reading pages: what its maker gives for OCR, else greedy."""
    max_length: int | None = None
    """Maximum tokens per answer in its maker's own settings."""
    thinks: bool = False
    """Its answers may begin with reasoning, whose beginning may be part of its chat template."""
    special_tokens: bool = False
    """Its answers contain special tokens, which servers leave out unless told otherwise."""
    task_prompts: tuple[tuple[str, str], ...] = ()
    """Prompts that the model was trained on, by task name; they replace the task's own text.
    An empty one: the image alone, without any text."""
    answer: AnswerFacts = AnswerFacts()
    grounded_prompts: tuple[tuple[str, str], ...] = ()
    """Prompts that ask for the boxes of all parts as well, by task name."""
    name_patterns: tuple[str, ...] = ()
    """Regular expressions, searched without regard to case in the model name that a server reports."""
    runs_in: tuple[str, ...] = ()
    group: str = ""
    caveats: tuple[str, ...] = ()
    """Known failure modes, for the user."""
    recognition: Recognition = Recognition()
    origin: str = ""
    """Where the file was found: ``builtin`` or a path."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked of a page: one file in ``prompts/tasks``."""

    name: str
    title: str
    prompt: str
    """The user turn, with ``{{name}}`` placeholders."""
    system: str = ""
    """Replaces the preset's system text unless empty."""
    markdown: bool = True
    """The answer is Markdown (else plain text)."""
    caption: bool = False
    """The answer describes a picture instead of transcribing it, so that the picture is never split."""
    max_length: int = 4096
    """Maximum tokens per answer."""
    defaults: tuple[tuple[str, str], ...] = ()
    """Default values of placeholders, by name."""
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A system text, one user turn of texts and images, and the model's chat markers: the source of every dialect."""

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
class Shape:
    """The form that an answer must have, in both languages that servers may enforce."""

    grammar: str
    """In llama.cpp's notation (GBNF)."""
    schema: str
    """A JSON schema, as text."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request to an engine."""

    prompt: Prompt
    sampler: Sampler
    max_length: int
    """Maximum tokens of the answer."""
    context_length: int | None = None
    """Tokens of context to request; ``None``: the server's own."""
    stop_sequences: tuple[str, ...] = ()
    special_tokens: bool = False
    """Keep special tokens in the answer."""
    deep: bool = False
    """Use the engine's slower and more accurate mode, if it has one."""
    shape: Shape | None = None
    """What the server shall enforce, if it can: whether it did must be seen from the answer."""


class FinishReason(StrEnum):
    """Why a completion ended."""

    STOP = "stop"
    """The model ended its answer, or a stop sequence matched."""
    LENGTH = "length"
    """The length limit was reached."""
    ABORTED = "aborted"
    """Stopped from outside, or capped by the server."""
    LOOP = "loop"
    """Stopped by this program, because it only repeated itself."""
    TIME = "time"
    """Stopped by this program, because it exceeded the time limit."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Completion:
    """An engine's answer to one request, unchanged."""

    text: str
    finish_reason: FinishReason = FinishReason.UNKNOWN
    prompt_tokens: int | None = None
    """Tokens that the server processed: text, images and separators."""
    text_tokens: int | None = None
    """Tokens of the prompt's text alone, as the server counts them."""
    completion_tokens: int | None = None
    server: str = ""
    model: str = ""
    seconds: float = 0.0
    retries: int = 0
    """Number of transport retries."""
    confidence: float | None = None
    """0 to 1, where the engine knows it."""
    final: bool = False
    """Asking again would bring the same answer."""
    lines: tuple[TextLine, ...] = ()
    """The lines of the page with their places, where the engine knows them."""
    blocks: tuple[Block, ...] = ()
    """The parts of the page, where the engine knows them."""
    dropped: tuple[str, ...] = ()
    """Lines that the engine found and left out, because they are no print: specks, halftone."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture on a page that was cut out of it."""

    box: Box
    text: str = ""
    """What the model says about it, where it was asked (``--describe-figures``)."""
    path: str = ""
    """The name of its file, in an output the path to it; empty in the state."""


@dataclass(frozen=True, slots=True)
class PageResult:
    """The result of one page: the unit of every output."""

    page: PageRef
    text: str
    status: Status
    findings: tuple[Finding, ...] = ()
    asks: int = 0
    """Number of completions requested for this page."""
    retries: int = 0
    """Transport retries within these asks."""
    server: str = ""
    model: str = ""
    seconds: float = 0.0
    """Time that the server took for all asks."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    width: int = 0
    """Of the first image that was sent, in pixels; 0 when none was sent."""
    height: int = 0
    doubts: tuple[Doubt, ...] = ()
    """Where the text and what is known of the page disagree."""
    checked_with: str = ""
    """What the text was compared with: ``text-layer``, ``second-reader`` or ``print``; empty: with nothing."""
    blocks: tuple[Block, ...] = ()
    """The parts of the page in reading order, where the answer's format or the engine gives them."""
    lines: tuple[TextLine, ...] = ()
    """The lines of the page with their places, where an output needs them: of its text layer or of a second reader."""
    size: PageSize | None = None
    """Of the page, where an output needs it."""
    turn: int = 0
    """Degrees clockwise by which its image was turned. All boxes are places on the page as it is displayed."""
    figures: tuple[Figure, ...] = ()
    """The pictures on the page, where they were to be cut out."""
    keywords: tuple[str, ...] = ()
    """What a picture shows, for photo libraries and data sets, where they were asked for."""
    alt_text: str = ""
    """A caption of at most 250 characters for people who cannot see the picture, where it was asked for."""


@dataclass(frozen=True, slots=True)
class Server:
    """What a probe found out about an engine: its identity, limits and abilities."""

    url: str
    """Base address without credentials; ``local:`` for the embedded engine."""
    dialect: str
    """The server API; ``local`` for the embedded engine."""
    kind: str = ""
    """Product name that it reports."""
    version: str = ""
    model: str = ""
    vision: bool | None = None
    """Whether its model can see images; ``None``: it does not say."""
    context_length: int | None = None
    max_images: int = 1
    """Images per request that it certainly uses."""
    max_side: int | None = None
    """Larger images are certainly shrunk to this long side in pixels; ``None``: unknown."""
    assumed_side: int | None = None
    """The long side in pixels to which it shrinks larger images unless configured otherwise."""
    max_body: int | None = None
    """Largest request body in bytes."""
    counts_tokens: bool = True
    """Its answers tell how many tokens were processed, which proves that an image was used."""
    slots: int = 1
    """Requests that it processes at the same time."""
    ahead: int = 0
    """Further requests worth having in its queue, so that it never waits for the next one."""
    preset: str = ""
    """Name of the preset for its model, where it was chosen by more than the model's name."""
    marker: str = ""
    """Placeholder of an image in the prompt's text, where the server needs one."""
    reads_only: bool = False
    """Reads text, but cannot describe pictures or follow a prompt."""
    applies_template: bool = False
    """It applies the model's chat template itself, so that a prompt's chat markers are not sent."""
    streams: bool = False
    """Its answers are asked for in pieces, because a gateway in front of it does not wait for whole ones."""
    aborts: bool = True
    """It has a request to stop another one; else only closing the connection stops it."""
    vision_remedy: str = "Load a model that can see pictures."
    """What to do when its model cannot see images, in one sentence."""
    context_remedy: str = "Start the server with a larger context"
    """What to do when its context is too small: the beginning of a sentence."""
    clamp_remedy: str = ""
    """What to do when it shrinks images too much: the end of a sentence."""
    warnings: tuple[str, ...] = ()

    @property
    def in_flight(self) -> int:
        """Number of requests to keep in flight."""
        return self.slots + self.ahead


class Engine(Protocol):
    """Completes requests: one server, a pool of servers, the embedded engine, or a fake in tests."""

    server: Server

    def complete(self, request: Request) -> Completion:
        """Answer one request; called from several threads at once, up to ``server.in_flight``.

        Raises a ``ServerError`` when there is no answer. The answer is not judged.
        """
        ...

    def count_tokens(self, text: str) -> int | None:
        """Tokens of *text* as the model counts them, begin-of-text included; ``None`` when unknown."""
        ...

    def cancel(self) -> None:
        """Stop what is running as soon as possible; callable from any thread, more than once."""
        ...

    def close(self) -> None:
        """Release all resources."""
        ...


class PageSource(Protocol):
    """Documents as pages."""

    @property
    def concurrency(self) -> int:
        """How many threads may call ``load`` at once. ``pages`` is for one thread."""
        ...

    def pages(self) -> Iterator[PageRef]:
        """Every selected page, in order, found lazily; nothing is rendered.

        A document that cannot be opened yields one page with number 0, whose ``load`` raises why.
        """
        ...

    def load(self, page: PageRef, spec: RasterSpec) -> tuple[PageImage, ...]:
        """The images of one page: usually one, several for a strip that had to be split.

        Raises ``DocumentError`` when the page cannot be rendered.
        """
        ...

    def close(self) -> None:
        """Stop what runs and close what is open; callable from any thread. Interrupted calls raise."""
        ...


# --- events: what observers are told -------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Planned:
    """The run is about to start."""

    documents: int
    """0: not known yet."""
    pages: int | None = None
    """``None``: not known yet."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A page is sent to the model for the ``ask``-th time."""

    page: PageRef
    ask: int
    reason: str = ""
    """Why it is sent again; empty the first time."""


@dataclass(frozen=True, slots=True)
class Retrying:
    """The same request is sent again after ``wait`` seconds."""

    reason: str
    wait: float
    attempt: int


@dataclass(frozen=True, slots=True)
class Progress:
    """A slow answer is growing."""

    page: PageRef
    characters: int
    """Length of the answer so far; 0 while the server processes the prompt and the image."""
    seconds: float
    """Since the request was sent."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A page is finished; in completion order."""

    result: PageResult
    known: bool = False
    """The result comes from an earlier run."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A message for the user."""

    message: str
    warning: bool = False


Event = Planned | Asked | Progress | Retrying | Answered | Notice
Observer = Callable[[Event], None]
"""Is called with every event, from any thread; must neither raise nor take long."""


def ignore(event: Event) -> None:
    """An observer that ignores all events."""
