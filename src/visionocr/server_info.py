"""Notices before the first page: which server, model and preset are used, and warnings about them."""

from __future__ import annotations

from visionocr.prompting import budget
from visionocr.prompting.presets import Match
from visionocr.text import printable
from visionocr.types import Notice, Observer, Preset, Server


def log_server(server: Server, match: Match, observer: Observer) -> None:
    """Report which server, model and preset will be used."""
    model = printable(server.model) or "without a name"
    observer(
        Notice(
            f"{printable(server.kind)} at {server.url} (dialect {server.dialect}), model {model}, "
            f"preset {match.preset.name}"
        )
    )


def warn_of_guess(server: Server, match: Match, observer: Observer) -> None:
    """Warn when no preset knows the model."""
    if match.known:
        return
    means = (
        f"pages get the size that suits {match.preset.name}. If small print is not read, choose another"
        if server.applies_template
        else f"using the {match.preset.name} template. If answers are nonsense or never end, choose another"
    )
    unknown = f"no preset knows the model {server.model!r}: {means} with --preset (see: visionocr presets)"
    observer(Notice(unknown, warning=True))


def warn_of_shrinking(clamped_side: int | None, preset: Preset, server: Server, observer: Observer) -> None:
    """Warn when the server shrinks pictures to a long side of *clamped_side* pixels and the model can use more."""
    if useful := budget.find_better_side(preset, clamped_side):
        observer(
            Notice(
                f"the server shrinks pictures to about {clamped_side} px; this model can use {useful} px for a page"
                + (f". For small print {server.clamp_remedy}" if server.clamp_remedy else ""),
                warning=True,
            )
        )
