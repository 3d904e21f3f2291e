"""Whether a projector works with a language model, and which preset belongs to the pair.

Servers compare only the widths. So a pair can be refused, or start and give nonsense answers, or work.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from visionocr.gguf import projectors
from visionocr.gguf.facts import ModelFacts, ProjectorFacts, load_model, load_projector
from visionocr.gguf.templates import family_of
from visionocr.prompting.presets import FALLBACK, match_preset
from visionocr.text import printable
from visionocr.types import Preset

_SPECIALISTS = "ocr"
"""Group of presets for specialised models: only its name distinguishes such a model from its base."""
_NONSENSE = "its answers would be nonsense"
_TRY = "only trying it will show"


class Fit(StrEnum):
    """Whether a pair will work. The values are part of the JSON output."""

    FITS = "fits"
    CANNOT_LOAD = "cannot-load"
    """The server would refuse the pair, or start without being able to see pictures."""
    DOUBTFUL = "doubtful"
    """It would start, but its answers would most likely be nonsense: the projector was made for another family."""
    UNKNOWN = "unknown"
    """The files do not show whether the pair works: only trying it will."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A preset, and how it was found."""

    preset: Preset
    why: str
    by_name: bool
    """Whether the model's file name alone selects it, as it does when a server reports that name."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a model and its projector."""

    fit: Fit
    reason: str
    """One sentence without its full stop."""
    model: ModelFacts
    projector: ProjectorFacts | None
    choice: Choice | None = None
    """The preset that belongs to the pair."""
    notes: tuple[str, ...] = ()
    """What should be known besides, one sentence each."""

    @property
    def preset(self) -> Preset | None:
        """The preset that belongs to the pair."""
        return self.choice.preset if self.choice else None


def examine_pair(model: Path, projector: Path, presets: Sequence[Preset] = ()) -> Verdict:
    """Read the headers of a *model* and its *projector*, and judge the pair; *presets* as for ``judge_pair``.

    Raises ``ConfigurationError`` when a file is missing, broken, cut off, or not what it is given as.
    """
    return judge_pair(load_model(model, presets), load_projector(projector), presets)


def judge_pair(model: ModelFacts, projector: ProjectorFacts | None, presets: Sequence[Preset] = ()) -> Verdict:
    """Judge a pair by what its headers say and the *presets* know; without projector the fit is ``UNKNOWN``.

    Give the presets at hand: they know which model was made from which. Without them names are not compared, and
    pairs of general architectures stay ``UNKNOWN``.
    """
    if projector is None:
        fit, reason = Fit.UNKNOWN, "no projector is given, and without one a model cannot see"
    else:
        fit, reason = _compare_widths(model, projector) or _compare_families(model, projector, presets)
    choice = choose_preset(model, projector, presets)
    notes = () if fit is Fit.CANNOT_LOAD or choice is None else _check_vocabulary(model, choice.preset)
    return Verdict(fit, reason, model, projector, choice, notes)


def choose_preset(model: ModelFacts, projector: ProjectorFacts | None, presets: Sequence[Preset]) -> Choice | None:
    """The preset for a model and its projector; ``None`` when nothing points to one."""
    related = _of_architecture(model, presets)
    possible = [
        preset
        for preset in related
        if (not preset.recognition.base or not model.base or preset.recognition.base == model.base)
        and (projector is None or _accepts(preset, projector))
    ]
    reported = match_preset(model.names[0], presets)
    if reported and reported.preset.name == FALLBACK:
        reported = None
    for names, candidates, owner in (
        (model.names, possible, "model"),
        (model.names, related, "model"),  # a wrong projector does not make it another model
        (projector.names if projector else (), possible, "projector"),
    ):
        if found := _match_names(names, candidates):
            preset, name = found
            by_name = reported is not None and reported.preset.name == preset.name
            return Choice(preset, f"the {owner}'s name {name!r} says so", by_name)
    if reported:
        return Choice(reported.preset, "its file name says so, though its architecture is another", True)
    return _choose_by_exclusion(model, projector, possible) if projector else None


def _choose_by_exclusion(model: ModelFacts, projector: ProjectorFacts, possible: Sequence[Preset]) -> Choice | None:
    """The first preset left when all that can be excluded is; without projector the model may not see at all."""
    left = [preset for preset in possible if preset.group != _SPECIALISTS]
    sized = [preset for preset in left if model.embedding_length in preset.recognition.embedding_lengths]
    # Presets do not know all sizes; but of an architecture of many families one of another size is another model.
    left = sized or ([] if model.architecture in projectors.SHARED_ARCHITECTURES else left)
    left = [preset for preset in left if family_of(preset.chat) == model.template] or left
    if not left:
        return None
    why = f"architecture {model.architecture} with projector type {projector.type}"
    if len(left) > 1:
        why += f", as {' or '.join(preset.name for preset in left[1:])} has: a guess"
    return Choice(left[0], why, False)


def _compare_widths(model: ModelFacts, projector: ProjectorFacts) -> tuple[Fit, str] | None:
    """Judge by what servers compare, or by what is missing to compare it; ``None`` when the widths agree."""
    if not projector.sees:
        return Fit.CANNOT_LOAD, f"the projector (type {projector.type}) is for sound, not for pictures"
    if projector.type not in projectors.KINDS:
        return Fit.UNKNOWN, f"projectors of type {projector.type} are not known here: {_TRY}"
    if projector.width is None:
        return Fit.UNKNOWN, f"the projector (type {projector.type}) does not give its width: {_TRY}"
    if model.width is None:
        return Fit.UNKNOWN, f"the model does not give its width: {_TRY}"
    if model.width == projector.width:
        return None
    words = (
        f"the projector puts out {projector.width} numbers a token{_layers(projector.deepstack_layers)}, "
        f"the model takes {model.width}{_layers(model.deepstack_layers)}: the server would refuse to start"
    )
    return Fit.CANNOT_LOAD, words


def _layers(deepstack: int) -> str:
    return f" (with {deepstack} deepstack layers)" if deepstack else ""


def _compare_families(model: ModelFacts, projector: ProjectorFacts, presets: Sequence[Preset]) -> tuple[Fit, str]:
    """Judge a pair whose widths agree by the kind of model, which servers do not look at."""
    kind = f"type {projector.type}"
    made_for = projectors.KINDS[projector.type].architectures
    if projector.minicpmv_version is not None:
        kind += f" for MiniCPM-V (version {projector.minicpmv_version})"
        made_for = projectors.MINICPMV_ARCHITECTURES.get(projector.minicpmv_version, ())
    accepting = [preset for preset in presets if _accepts(preset, projector)]
    if made_for:
        made_for = (*made_for, *(name for preset in accepting for name in preset.recognition.architectures))
        if model.architecture not in made_for:
            belong = f"projectors of {kind} belong to models of architecture {' or '.join(dict.fromkeys(made_for))}"
            return Fit.DOUBTFUL, f"the widths agree, but {belong}, not {model.architecture}: {_NONSENSE}"
    found = _match_names(model.names, _of_architecture(model, presets))
    family = found[0] if found else None
    if family and family.recognition.projector_types and not _accepts(family, projector):
        other = f"the projector is of {kind}, and that of {family.title} is another"
        return Fit.DOUBTFUL, f"the widths agree, but {other}: {_NONSENSE}"
    if model.architecture not in projectors.SHARED_ARCHITECTURES:
        return Fit.FITS, f"width and kind agree: {kind} for architecture {model.architecture}"
    if found := _match_names(projector.names, accepting):
        return _compare_bases(model, family, found[0])
    return _compare_bases(model, family, accepting[0] if len(accepting) == 1 else None)


def _compare_bases(model: ModelFacts, family: Preset | None, origin: Preset | None) -> tuple[Fit, str]:
    """Judge a pair by what the model was made from: other families have its architecture too.

    *family* is the one that the model's name tells, *origin* the one that the projector was made for.
    """
    base = model.base or (family.recognition.base if family else "")
    needed = origin.recognition.base if origin else ""
    if origin:
        made = f"the widths agree, but the projector was made for {origin.title}"
        if model.architecture not in origin.recognition.architectures:
            return Fit.DOUBTFUL, f"{made}, and the model is of another architecture: {_NONSENSE}"
        if needed and base and needed != base:
            return Fit.DOUBTFUL, f"{made}, which is based on {needed}, and the model is {base}: {_NONSENSE}"
    if family:
        return Fit.FITS, f"width and kind agree, and the model's name says that it is {family.title}"
    if origin and origin.group != _SPECIALISTS and (base or not needed):
        return Fit.FITS, f"width and kind agree, and the model is of the kind that {origin.title} was made from"
    return Fit.UNKNOWN, f"the widths agree, but nothing says which model the projector was made for: {_TRY}"


def _check_vocabulary(model: ModelFacts, preset: Preset) -> tuple[str, ...]:
    """A note where the model's vocabulary lacks what engines put around pictures."""
    # Some of the markup is no word: line breaks, and names with a place for numbers.
    markup = [mark for mark in preset.image.markup if mark[:1] in {"<", "["} and "_R_" not in mark]
    missing = [mark for mark in markup if mark not in model.words]
    if not missing or not model.vocabulary:
        return ()
    lacks = f"the model's vocabulary lacks {', '.join(missing)}, which engines put around pictures"
    return (f"{lacks}: it was probably not trained on pictures, and reads them less well",)


def _of_architecture(model: ModelFacts, presets: Sequence[Preset]) -> list[Preset]:
    return [preset for preset in presets if model.architecture in preset.recognition.architectures]


def _accepts(preset: Preset, projector: ProjectorFacts) -> bool:
    """Whether a family has projectors of this type and version."""
    versions = preset.recognition.minicpmv_versions
    return projector.type in preset.recognition.projector_types and (
        not versions or projector.minicpmv_version in versions
    )


def _match_names(names: Iterable[str], presets: Sequence[Preset]) -> tuple[Preset, str] | None:
    """The preset that the first telling one of *names* picks, with that name."""
    for name in names:
        if match := match_preset(name, presets):
            return match.preset, printable(name)
    return None
