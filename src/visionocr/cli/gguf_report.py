"""What ``visionocr gguf`` finds out about model files: as text, and as fields for JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visionocr.errors import ConfigurationError
from visionocr.gguf.command import build_command, quote_command
from visionocr.gguf.compatibility import Fit, Verdict, examine_pair, judge_pair
from visionocr.gguf.cost import Cost, estimate_cost
from visionocr.gguf.facts import ModelFacts, ProjectorFacts, load_facts
from visionocr.gguf.folder import Findings, examine_folder
from visionocr.gguf.naming import Proposal, propose_names
from visionocr.prompting.presets import FALLBACK
from visionocr.text import printable
from visionocr.types import Notice, Observer, Preset

_FIT_WORDS = {
    Fit.FITS: "fits",
    Fit.CANNOT_LOAD: "cannot load",
    Fit.DOUBTFUL: "loads, but probably wrong",
    Fit.UNKNOWN: "unknown",
}
_COARSE = 450
"""Pixels: an encoder that makes every picture this small cannot read a page of print."""


@dataclass(frozen=True, slots=True)
class Report:
    """The same findings for people and for programs."""

    text: str
    fields: dict[str, Any]
    """For JSON."""
    good: bool
    """All files were read, and something can be loaded."""


def report_files(model: Path, projector: Path | None, presets: Sequence[Preset]) -> Report:
    """What two files are and whether they belong together, or what a single one is.

    Raises ``ConfigurationError`` when a file is missing, broken, cut off, or not what it is given as.
    """
    if projector is not None:
        return _report_pair(examine_pair(model, projector, presets))
    facts = load_facts(model, presets)
    if isinstance(facts, ModelFacts):
        return _report_pair(judge_pair(facts, None, presets))
    cost = estimate_cost(facts, None)
    return Report(_projector_text(facts, cost), {"projector": _projector_fields(facts, cost)}, True)


def report_folder(folder: Path, presets: Sequence[Preset], recursive: bool, observer: Observer) -> Report:
    """Every model of a folder with the projector that suits it best; the fields have every pair.

    *observer* hears of the files that cannot be read. Raises ``ConfigurationError`` when no file can be read.
    """
    found = examine_folder(folder, presets, recursive=recursive)
    for error in found.unreadable.values():
        observer(Notice(f"{error.message}. {error.hint}".rstrip(), warning=True))
    if not found.models and not found.projectors:
        raise ConfigurationError(f"no model file in {printable(str(folder))} can be read")
    fields = {
        "models": [_model_fields(model) for model in found.models],
        "projectors": [_projector_fields(projector, estimate_cost(projector, None)) for projector in found.projectors],
        "pairs": [
            {
                "model": str(pair.model.path),
                "projector": str(pair.projector.path) if pair.projector else None,
                "fit": pair.fit,
                "reason": pair.reason,
                "preset": pair.preset.name if pair.preset else None,
                "command": None if pair.fit is Fit.CANNOT_LOAD else build_command(pair).arguments,
            }
            for pair in found.pairs
        ],
        "unreadable": [
            {"path": str(path), "message": error.message, "hint": error.hint}
            for path, error in found.unreadable.items()
        ],
    }
    names = propose_names(found)
    fields["names"] = [
        {"projector": str(one.projector.path), "name": one.name or None, "reason": one.reason} for one in names
    ]
    used = [best.projector for model in found.models if (best := found.best(model))]
    unused = [projector for projector in found.projectors if projector not in used]
    parts = [_choice_text(model, found) for model in found.models]
    parts.append("".join(f"projector  {printable(str(p.path))}: no model's first choice here\n" for p in unused))
    parts.append(_names_text(names))
    loadable = not found.pairs or any(pair.fit is not Fit.CANNOT_LOAD for pair in found.pairs)
    return Report("\n".join(filter(None, parts)), fields, loadable and not found.unreadable)


def _names_text(proposals: Sequence[Proposal]) -> str:
    """Projectors whose names say nothing, and the names that they should have; empty where there are none."""
    lines = [
        f"name       {printable(str(one.projector.path))}\n           "
        + (f"-> {one.name}: {one.reason}\n" if one.name else f"says nothing, and gets no other: {one.reason}\n")
        for one in proposals
    ]
    if any(one.name for one in proposals):
        lines.append("           --rename gives these names\n")
    return "".join(lines)


def _report_pair(verdict: Verdict) -> Report:
    """A model, its projector, the verdict, and how to start them."""
    choice, projector = verdict.choice, verdict.projector
    fields: dict[str, Any] = {
        "fit": verdict.fit,
        "reason": verdict.reason,
        "notes": [*verdict.notes],
        "preset": choice and {"name": choice.preset.name, "why": choice.why, "by_name": choice.by_name},
        "model": _model_fields(verdict.model),
        "projector": None,
        "command": None,
    }
    text = _model_text(verdict)
    notes = [*verdict.notes]
    if projector is None:
        hint = "Its projector is published beside it; visionocr gguf MODEL PROJECTOR checks the pair."
        text += _block("projector", "none given", [("", hint)])
    else:
        cost = estimate_cost(projector, verdict.preset)
        fields["projector"] = _projector_fields(projector, cost)
        text += _projector_text(projector, cost)
        text += f"verdict    {_FIT_WORDS[verdict.fit]}: {printable(verdict.reason)}\n"
        if verdict.fit is not Fit.CANNOT_LOAD:
            command = build_command(verdict)
            fields["command"] = command.arguments
            fields["notes"] += command.notes
            text += f"start      {quote_command(command.arguments)}\n"
            notes += command.notes
            if not cost.grows and (projector.image_size or _COARSE) < _COARSE:
                notes.append(
                    f"this encoder scales every picture to {projector.image_size} px: enough for captions, "
                    "too coarse for a page of print"
                )
    text += "".join(f"note       {printable(note)}\n" for note in notes)
    return Report(text, fields, verdict.fit is not Fit.CANNOT_LOAD)


def _choice_text(model: ModelFacts, found: Findings) -> str:
    """A model of a folder, and the projectors for it."""
    rows = [("is", ", ".join(filter(None, (model.architecture, model.quantization))))]
    pairs = [pair for pair in found.pairs if pair.model is model]
    loadable = [(str(p.projector.path), p) for p in pairs if p.projector and p.fit is not Fit.CANNOT_LOAD]
    if loadable:
        (path, best), *others = loadable
        rows += [("projector", path), ("verdict", f"{_FIT_WORDS[best.fit]}: {best.reason}")]
        rows += [("or", f"{path} ({_FIT_WORDS[pair.fit]})") for path, pair in others]
        rows.append(("start", quote_command(build_command(best).arguments)))
    else:
        reason = pairs[0].reason if pairs else "there is none in the folder"
        rows.append(("projector", f"none that can be loaded with it: {reason}"))
    return _block("model", str(model.path), rows)


def _model_text(verdict: Verdict) -> str:
    model, choice = verdict.model, verdict.choice
    preset = f"{FALLBACK}, a guess: no preset knows this model"
    if choice:
        preset = f"{choice.preset.name}: {choice.why}"
        if not choice.by_name:
            preset += f"; give --preset {choice.preset.name}, the file's name does not show it"
    rows = [
        ("architecture", model.architecture),
        ("name", model.name),
        ("quantization", f"{model.quantization or 'unknown'}, {_format_bytes(model.size)}"),
        ("context", f"{model.context_length} tokens" if model.context_length else ""),
        ("width", _format_width(model)),
        ("template", model.template or "none in the file, as in most old models"),
        ("preset", preset),
    ]
    return _block("model", model.path.name, rows)


def _projector_text(projector: ProjectorFacts, cost: Cost) -> str:
    tokens = cost.description
    if cost.page and cost.page != cost.most:
        tokens += f"; {cost.page} in KoboldCpp without --visionmaxres"
    patches = f", patches of {projector.patch_size} px" if projector.patch_size else ""
    rows = [
        ("type", projector.type + ("" if projector.sees else ", for sound")),
        ("name", projector.name),
        ("quantization", f"{projector.quantization or 'unknown'}, {_format_bytes(projector.size)}"),
        ("image", f"{projector.image_size} px{patches}" if projector.image_size else ""),
        ("tokens", tokens),
        ("width", _format_width(projector)),
    ]
    return _block("projector", projector.path.name, rows)


def _model_fields(model: ModelFacts) -> dict[str, Any]:
    return {**_fields(model), "width": model.width}


def _projector_fields(projector: ProjectorFacts, cost: Cost) -> dict[str, Any]:
    return {**_fields(projector), "tokens": cost.description, "most_tokens": cost.most}


def _fields(facts: ModelFacts | ProjectorFacts) -> dict[str, Any]:
    """What a file's header says; the words and names that only serve to recognise a model are left out."""
    names = [field.name for field in dataclasses.fields(facts) if field.name not in {"words", "names"}]
    return {**{name: getattr(facts, name) for name in names}, "path": str(facts.path)}


def _block(title: str, name: str, rows: Iterable[tuple[str, str]]) -> str:
    """A title with a name, and labelled rows below it; empty ones are left out."""
    lines = [f"  {label:12} {printable(text)}\n" for label, text in rows if text]
    return f"{title:10} {printable(name)}\n" + "".join(lines)


def _format_width(facts: ModelFacts | ProjectorFacts) -> str:
    if facts.width is None:
        return "not known"
    layers = facts.deepstack_layers
    each = f" ({facts.width // (1 + layers)}, and as much for each of {layers} deepstack layers)" if layers else ""
    return f"{facts.width}{each}"


def _format_bytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
