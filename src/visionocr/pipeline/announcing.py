"""What is said about a server before the first page."""

from __future__ import annotations

from visionocr.printable import shown
from visionocr.prompting import budget
from visionocr.prompting.presets import Match
from visionocr.types import Notice, Observer, Preset, Server


def found(server: Server, match: Match, observer: Observer) -> None:
    """Who answers at an address, and the preset that was chosen."""
    model = shown(server.model) or "without a name"
    observer(
        Notice(
            f"{shown(server.kind)} at {server.url} (dialect {server.dialect}), model {model}, "
            f"preset {match.preset.name}"
        )
    )


def guess(server: Server, match: Match, observer: Observer) -> None:
    """A warning where no preset knows the model."""
    if match.known:
        return
    means = (
        f"pages get the size that suits {match.preset.name}. If small print is not read, choose another"
        if server.applies_template
        else f"using the {match.preset.name} template. If answers are nonsense or never end, choose another"
    )
    unknown = f"no preset knows the model {server.model!r}: {means} with --preset (see: visionocr presets)"
    observer(Notice(unknown, warning=True))


def shrinking(kept: int | None, preset: Preset, server: Server, observer: Observer) -> None:
    """A warning where pictures lose on their way what the model could use; *kept*: pixels of the long side."""
    if useful := budget.lost_side(preset, kept):
        observer(
            Notice(
                f"the server shrinks pictures to about {kept} px; this model can use {useful} px of a page"
                + (f". For small print {server.clamp_remedy}" if server.clamp_remedy else ""),
                warning=True,
            )
        )
