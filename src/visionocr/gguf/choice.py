"""Which preset belongs to a pair of model files, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from visionocr.gguf.facts import ModelFacts, ProjectorFacts
from visionocr.gguf.projectors import SHARED_ARCHITECTURES
from visionocr.gguf.templates import family_of
from visionocr.prompting.presets import FALLBACK, Match, match_preset
from visionocr.text import printable
from visionocr.types import Preset

SPECIALISTS = "ocr"
"""Group of presets for models trained for one thing: nothing but its name tells such a model from its base."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A preset, and how it was found."""

    preset: Preset
    why: str
    by_name: bool
    """The model's file name alone tells it, as it does when a server reports that name."""


def choose(model: ModelFacts, projector: ProjectorFacts | None, presets: Sequence[Preset]) -> Choice | None:
    """The preset for a model and its projector; ``None`` when nothing points to one."""
    possible = [preset for preset in presets if _agrees(preset, model, projector)]
    reported = match_preset(model.names[0], presets)
    if reported and reported.preset.name == FALLBACK:
        reported = None
    akin = [preset for preset in presets if model.architecture in preset.recognition.architectures]
    for names, among, owner in (
        (model.names, possible, "model"),
        (model.names, akin, "model"),  # a wrong projector does not make it another model
        (projector.names if projector else (), possible, "projector"),
    ):
        if found := named(names, among):
            match, name = found
            same = reported is not None and reported.preset.name == match.preset.name
            return Choice(match.preset, f"the {owner}'s name {name!r} says so", same)
    if reported:
        return Choice(reported.preset, "its file name says so, though its architecture is another", True)
    return _only(model, projector, possible)


def named(names: Iterable[str], presets: Sequence[Preset]) -> tuple[Match, str] | None:
    """The preset that the first telling one of *names* picks, with that name."""
    for name in names:
        if match := match_preset(name, presets):
            return match, printable(name)
    return None


def _agrees(preset: Preset, model: ModelFacts, projector: ProjectorFacts | None) -> bool:
    known = preset.recognition
    if model.architecture not in known.architectures:
        return False
    if known.base and model.base and known.base != model.base:
        return False
    return projector is None or takes(preset, projector)


def takes(preset: Preset, projector: ProjectorFacts) -> bool:
    """Whether a family has projectors of this type and version."""
    known = preset.recognition
    if projector.type not in known.projector_types:
        return False
    return not known.minicpmv_versions or projector.minicpmv_version in known.minicpmv_versions


def made_for(projector: ProjectorFacts, presets: Sequence[Preset]) -> Preset | None:
    """The preset of the model that a projector was made for, where it says so."""
    taking = [preset for preset in presets if takes(preset, projector)]
    if found := named(projector.names, taking):
        return found[0].preset
    return taking[0] if len(taking) == 1 else None


def _only(model: ModelFacts, projector: ProjectorFacts | None, possible: Sequence[Preset]) -> Choice | None:
    """What is left when all that can be excluded is: only with a projector, for many models cannot see."""
    if projector is None:
        return None
    left = [preset for preset in possible if preset.group != SPECIALISTS]
    sized = [preset for preset in left if model.embedding_length in preset.recognition.embedding_lengths]
    # Presets do not know all sizes; but of an architecture of many families one of another size is another model.
    left = sized or ([] if model.architecture in SHARED_ARCHITECTURES else left)
    left = [preset for preset in left if family_of(preset.chat) == model.template] or left
    if not left:
        return None
    why = f"architecture {model.architecture} with projector type {projector.type}"
    if len(left) > 1:
        why += f", as {' or '.join(preset.name for preset in left[1:])} has: a guess"
    return Choice(left[0], why, False)
