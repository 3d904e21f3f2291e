"""``--figures``: cuts the figures out of the pages, and has them described."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from visionocr.blocks import BlockKind
from visionocr.console import Console
from visionocr.documents.figures import CutFigure, CutOrder
from visionocr.documents.source import Source
from visionocr.errors import DocumentError, Interrupted, ServerError
from visionocr.output.figures import FigureFolder, LinkedSink, link_figures, mark
from visionocr.output.folder import OutputKind
from visionocr.output.writer import Sink
from visionocr.page_answer import add_finding
from visionocr.stop import Stop
from visionocr.text import reasons
from visionocr.types import Figure, Finding, FindingKind, Notice, PageRef, PageResult, Severity, Status

if TYPE_CHECKING:
    from visionocr.figure_describer import Describer


class FigureCutter:
    """Gives the results of pages their figures: files in a folder, links in the text, descriptions."""

    def __init__(
        self,
        folder: Path,
        source: Source,
        console: Console,
        *,
        stop: Stop,
        markdown: bool,
        record: Callable[[PageResult], None],
        describer: Describer | None = None,
    ) -> None:
        """*record* keeps a result whose figures were described, for later runs. Raises ``OutputError``."""
        self._folder = FigureFolder(folder)
        self._source = source
        self._console = console
        self._stop = stop
        self._markdown = markdown
        self._record = record
        self._describer, self._wants_texts = describer, describer is not None
        self._digest = ""
        """Of the document under way."""
        self._names: dict[str, str] = {}
        """Of the files of its pictures, by identity."""
        self._texts: dict[str, str] = {}
        """Descriptions of its pictures, by identity."""

    def add(self, result: PageResult) -> PageResult:
        """A page with its figures. Raises ``OutputError`` when one cannot be written, ``Interrupted``."""
        if not result.page.number or result.status in {Status.FAILED, Status.BLANK}:
            return result
        pictures = [(at, block.box) for at, block in enumerate(result.blocks) if block.kind is BlockKind.PICTURE]
        placed = [(at, box) for at, box in pictures if box is not None]
        spec = self._describer.spec if self._describer is not None else None
        order = CutOrder(tuple(box for _, box in placed), result.turn, mark(result.page), spec)
        try:
            cut = self._source.cut(result.page, order)
        except DocumentError as error:
            return add_finding(result, _find(f"its figures could not be cut out: {error.message}"))
        if not cut:
            return replace(result, figures=())
        if result.page.digest != self._digest:
            self._digest, self._names, self._texts = result.page.digest, {}, {}
        result = self._describe(result, cut)
        names = [self._save(result.page, number, figure) for number, figure in enumerate(cut, start=1)]
        figures = (replace(figure, path=name) for figure, name in zip(result.figures, names, strict=True))
        blocks = [None if figure.index is None else placed[figure.index][0] for figure in cut]
        return link_figures(replace(result, figures=tuple(figures)), blocks, markdown=self._markdown)

    def _save(self, page: PageRef, number: int, figure: CutFigure) -> str:
        """The name of a figure's file, which is written unless the document has had the same picture before."""
        name = self._names.get(figure.identity) or self._folder.save(page, number, figure.png)
        if figure.identity:
            self._names[figure.identity] = name
        return name

    def _describe(self, result: PageResult, cut: Sequence[CutFigure]) -> PageResult:
        """The page with its figures, described where that is wanted and no earlier run has done it."""
        if not self._wants_texts:
            return replace(result, figures=tuple(Figure(figure.box) for figure in cut))
        known = {figure.box: figure.text for figure in result.figures}
        texts = [known.get(figure.box) or self._texts.get(figure.identity, "") for figure in cut]
        open_ = [(at, figure.image) for at, figure in enumerate(cut) if not texts[at]]
        todo = [(at, image) for at, image in open_ if image is not None]
        findings: list[Finding] = []
        answers: list[PageResult] = []
        try:
            if self._describer is not None:
                answers = self._describer.describe([image for _, image in todo])
        except (ServerError, Interrupted) as error:
            self._stop.check()  # else the engine was given up
            self._describer = None
            self._console(Notice(f"figures are not described any more: {error.message}", warning=True))
            findings.append(_find(f"its figures could not be described: {error.message}"))
        for (at, _), answer in zip(todo, answers, strict=False):
            if answer.status is Status.OK:
                texts[at] = " ".join(answer.text.split())
                if cut[at].identity:
                    self._texts[cut[at].identity] = texts[at]
            else:
                findings.append(_find(f"figure {at + 1} could not be described: {reasons(answer.findings)}"))
        figures = tuple(Figure(figure.box, text) for figure, text in zip(cut, texts, strict=True))
        result = replace(result, figures=figures)
        if any(answer.status is Status.OK for answer in answers) and result.status is not Status.CHECKED:
            self._record(result)
        for finding in findings:
            result = add_finding(result, finding)
        return result


def link_kinds(kinds: list[OutputKind], figures: Path | None) -> list[OutputKind]:
    """The kinds of output files whose pages have the paths of their figures relative to the file."""
    return kinds if figures is None else [_link_kind(kind, figures) for kind in kinds]


def link_sink(sink: Sink, figures: Path | None, output: str | None) -> Sink:
    """The same for the sink of a single file, or of standard output, where *output* is none or ``-``."""
    if figures is None:
        return sink
    return LinkedSink(sink, figures, Path() if output in (None, "-") else Path(str(output)).parent)


def _link_kind(kind: OutputKind, figures: Path) -> OutputKind:
    return replace(kind, make=lambda path, page: LinkedSink(kind.make(path, page), figures, path.parent))


def _find(message: str) -> Finding:
    return Finding(FindingKind.FIGURE, message, Severity.INFO)
