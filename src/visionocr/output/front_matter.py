"""``--front-matter``: what a Markdown file was made from, as YAML at its head."""

from __future__ import annotations

import json
from datetime import date

from visionocr.output.formats import Formatter
from visionocr.text import printable
from visionocr.types import PageResult, Status

_WORST_FIRST = (Status.FAILED, Status.SKIPPED, Status.SUSPECT, Status.OK, Status.CHECKED, Status.BLANK)


class WithFrontMatter(Formatter):
    """Markdown with YAML at its head. It tells of all pages, so all is held back until the last one is there."""

    def __init__(self, formatter: Formatter) -> None:
        self.suffix = formatter.suffix
        self._formatter = formatter
        self._parts: list[str] = []
        self._sources: dict[str, None] = {}
        self._models: dict[str, None] = {}
        self._statuses: set[Status] = set()
        self._pages = 0

    def page(self, result: PageResult) -> str:
        """Nothing yet."""
        self._sources[result.page.document] = None
        if result.model:
            self._models[result.model] = None
        self._statuses.add(result.status)
        self._pages += result.page.number > 0
        self._parts.append(self._formatter.page(result))
        return ""

    def tail(self) -> str:
        """The whole file."""
        return "".join((self._render_head(), self._formatter.head(), *self._parts, self._formatter.tail()))

    def _render_head(self) -> str:
        """The YAML between its marks. The status is that of the worst page; several sources or models are lists."""
        status = next((one for one in _WORST_FIRST if one in self._statuses), None)
        lines = [f"source: {_render(list(self._sources))}", f"pages: {self._pages}"]
        lines += [f"model: {_render(list(self._models))}"] if self._models else []
        lines += [f"date: {date.today().isoformat()}"]
        lines += [f"status: {status}"] if status is not None else []
        return "".join(f"{line}\n" for line in ("---", *lines, "---", ""))


def _render(names: list[str]) -> str:
    """One name, or a list of them. A JSON string of printable characters is a YAML string as well."""
    safe = [printable(name) for name in names]
    return json.dumps(safe[0] if len(safe) == 1 else safe, ensure_ascii=False)
