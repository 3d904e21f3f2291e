"""Whether a projector works with a language model.

Servers compare widths and nothing else. So a pair can be refused, or start and talk nonsense, or work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from visionocr.gguf import projectors
from visionocr.gguf.choice import SPECIALISTS, Choice, choose, made_for, named, takes
from visionocr.gguf.facts import ModelFacts, ProjectorFacts
from visionocr.types import Preset

_NONSENSE = "it would talk nonsense"
_TRY = "only a try will tell"


class Fit(StrEnum):
    """How a pair will do. The values are part of the JSON output."""

    FITS = "fits"
    CANNOT_LOAD = "cannot-load"
    """The server would refuse the pair, or start without being able to see pictures."""
    DOUBTFUL = "doubtful"
    """It would start, and most probably talk nonsense: the projector was made for another family."""
    UNKNOWN = "unknown"
    """Nothing speaks against it, and nothing for it: only a try will tell."""


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


def judge(model: ModelFacts, projector: ProjectorFacts | None, presets: Sequence[Preset] = ()) -> Verdict:
    """Judge a pair by what its headers say and the *presets* know.

    Without presets, names are not compared, and pairs of general architectures stay ``UNKNOWN``.
    """
    if projector is None:
        fit, reason = Fit.UNKNOWN, "no projector is given, and without one a model cannot see"
    else:
        fit, reason = _widths(model, projector) or _families(model, projector, presets)
    choice = choose(model, projector, presets)
    notes = () if fit is Fit.CANNOT_LOAD else _notes(model, choice)
    return Verdict(fit, reason, model, projector, choice, notes)


def _widths(model: ModelFacts, projector: ProjectorFacts) -> tuple[Fit, str] | None:
    """What a server would find, and what keeps us from finding it."""
    if not projector.sees:
        return Fit.CANNOT_LOAD, f"the projector (type {projector.type}) is for sound, not for pictures"
    if projector.type not in projectors.KINDS:
        return Fit.UNKNOWN, f"projectors of type {projector.type} are not known here: {_TRY}"
    if projector.width is None:
        return Fit.UNKNOWN, f"the projector (type {projector.type}) lacks what tells its width: {_TRY}"
    if model.width is None:
        return Fit.UNKNOWN, f"the model does not say its width: {_TRY}"
    if model.width != projector.width:
        words = (
            f"the projector puts out {projector.width} numbers a token{_layers(projector.deepstack_layers)}, "
            f"the model takes {model.width}{_layers(model.deepstack_layers)}: the server would refuse to start"
        )
        return Fit.CANNOT_LOAD, words
    return None


def _layers(deepstack: int) -> str:
    return f" (with {deepstack} deepstack layers)" if deepstack else ""


def _families(model: ModelFacts, projector: ProjectorFacts, presets: Sequence[Preset]) -> tuple[Fit, str]:
    """The kind of model, which servers do not look at. The widths agree."""
    kind = f"type {projector.type}"
    if projector.minicpmv_version is not None:
        kind += f" for MiniCPM-V (version {projector.minicpmv_version})"
    for_these = _architectures(projector, presets)
    if for_these and model.architecture not in for_these:
        belong = f"the widths agree, but projectors of {kind} belong to models of architecture {' or '.join(for_these)}"
        return Fit.DOUBTFUL, f"{belong}, not {model.architecture}: {_NONSENSE}"
    found = named(model.names, [p for p in presets if model.architecture in p.recognition.architectures])
    family = found[0].preset if found else None
    if family and family.recognition.projector_types and not takes(family, projector):
        other = f"the widths agree, but the projector is of {kind}, and that of {family.title} is another"
        return Fit.DOUBTFUL, f"{other}: {_NONSENSE}"
    if model.architecture not in projectors.SHARED_ARCHITECTURES:
        return Fit.FITS, f"width and kind agree: {kind} for architecture {model.architecture}"
    return _bases(model, family, made_for(projector, presets))


def _bases(model: ModelFacts, family: Preset | None, origin: Preset | None) -> tuple[Fit, str]:
    """Models that share their architecture with others.

    *family* is the one that the model's name tells, *origin* the one that the projector was made for.
    """
    base = model.base or (family.recognition.base if family else "")
    needed = origin.recognition.base if origin else ""
    if origin:
        made = f"the widths agree, but the projector was made for {origin.title}"
        if model.architecture not in origin.recognition.architectures:
            return Fit.DOUBTFUL, f"{made}, and the model is of another architecture: {_NONSENSE}"
        if needed and base and needed != base:
            return Fit.DOUBTFUL, f"{made}, which is {needed} within, and the model is {base}: {_NONSENSE}"
    if family:
        return Fit.FITS, f"width and kind agree, and the model's name says that it is {family.title}"
    if origin and origin.group != SPECIALISTS and (base or not needed):
        return Fit.FITS, f"width and kind agree, and the model is of the kind that {origin.title} was made from"
    return Fit.UNKNOWN, f"the widths agree, but nothing says which model the projector was made for: {_TRY}"


def _architectures(projector: ProjectorFacts, presets: Sequence[Preset]) -> tuple[str, ...]:
    """Those that a projector is made for; empty when that is not known."""
    if projector.minicpmv_version is not None:
        known = projectors.MINICPMV_ARCHITECTURES.get(projector.minicpmv_version, ())
    else:
        known = projectors.KINDS[projector.type].architectures
    more = [name for preset in presets if takes(preset, projector) for name in preset.recognition.architectures]
    return tuple(dict.fromkeys((*known, *more))) if known else ()


def _notes(model: ModelFacts, choice: Choice | None) -> tuple[str, ...]:
    if choice is None:
        return ()
    # Some of the markup is no word: line breaks, and names with a place for numbers.
    marks = [mark for mark in choice.preset.image.markup if mark[:1] in {"<", "["} and "_R_" not in mark]
    missing = [mark for mark in marks if mark not in model.words]
    if not missing or not model.vocabulary:
        return ()
    lacks = f"the model's vocabulary lacks {', '.join(missing)}, which engines put around pictures"
    return (f"{lacks}: it was hardly trained on pictures itself, and reads them less well",)
