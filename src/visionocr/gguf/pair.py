"""Examines a model and a projector on disk: whether they belong together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from visionocr.gguf.compatibility import Fit as Fit
from visionocr.gguf.compatibility import Verdict as Verdict
from visionocr.gguf.compatibility import judge
from visionocr.gguf.facts import ModelFacts, ProjectorFacts, is_projector, model_facts, projector_facts
from visionocr.gguf.files import read_header
from visionocr.types import Preset


def examine(model: Path, projector: Path | None = None, presets: Sequence[Preset] = ()) -> Verdict:
    """Read the headers of a *model* and its *projector*, and judge the pair.

    Give the *presets* at hand: they know which model was made from which; see ``judge``. Without a projector the
    verdict is ``UNKNOWN``, with the model's facts.

    Raises ``ConfigurationError`` when a file is missing, broken, cut off, or not what it is given as.
    """
    facts = model_facts(read_header(model, marks(presets)))
    return judge(facts, None if projector is None else projector_facts(read_header(projector)), presets)


def inspect(path: Path, presets: Sequence[Preset] = ()) -> ModelFacts | ProjectorFacts:
    """The facts of a single file, whichever it is. Raises ``ConfigurationError`` as ``examine`` does."""
    header = read_header(path, marks(presets))
    return projector_facts(header) if is_projector(header) else model_facts(header)


def marks(presets: Sequence[Preset]) -> frozenset[str]:
    """What to look for in vocabularies: all that engines put around pictures."""
    return frozenset(mark for preset in presets for mark in preset.image.markup)
