"""How ``visionocr gguf`` says what it found: as text, and as fields for JSON."""

from __future__ import annotations

import dataclasses
from typing import Any

from visionocr.gguf.command import quoted, start
from visionocr.gguf.compatibility import Fit, Verdict
from visionocr.gguf.cost import cost
from visionocr.gguf.facts import ModelFacts, ProjectorFacts
from visionocr.gguf.folder import Findings
from visionocr.prompting.presets import FALLBACK
from visionocr.text import printable

_SPOKEN = {
    Fit.FITS: "fits",
    Fit.CANNOT_LOAD: "cannot load",
    Fit.DOUBTFUL: "loads, but probably wrong",
    Fit.UNKNOWN: "unknown",
}
_COARSE = 450
"""Pixels: an encoder that makes every picture this small cannot read a page of print."""

Rows = list[tuple[str, str]]


def pair_text(verdict: Verdict) -> str:
    """A model, its projector, the verdict, and how to start them."""
    parts = [_block("model", verdict.model.path.name, _model_rows(verdict))]
    if verdict.projector is None:
        hint = "Its projector is published beside it; visionocr gguf MODEL PROJECTOR judges the pair."
        return "".join([*parts, _block("projector", "none given", [("", hint)]), _notes(verdict.notes)])
    parts.append(_block("projector", verdict.projector.path.name, _projector_rows(verdict.projector, verdict)))
    parts.append(f"verdict    {_SPOKEN[verdict.fit]}: {printable(verdict.reason)}\n")
    return "".join([*parts, _starting(verdict)])


def projector_text(projector: ProjectorFacts) -> str:
    """A projector alone."""
    return _block("projector", projector.path.name, _projector_rows(projector, None))


def folder_text(found: Findings) -> str:
    """Every model of a folder with the projector that suits it best."""
    parts = []
    for model in found.models:
        best = found.best(model)
        parts.append(f"model      {printable(str(model.path))}\n")
        parts.append(f"  {'is':12} {', '.join(filter(None, (model.architecture, model.quantization)))}\n")
        if best is None:
            why = next((pair.reason for pair in found.pairs if pair.model is model), "there is none in the folder")
            parts.append(f"  {'projector':12} none that it can be loaded with: {printable(why)}\n\n")
            continue
        assert best.projector is not None
        parts.append(f"  {'projector':12} {printable(str(best.projector.path))}\n")
        parts.append(f"  {'verdict':12} {_SPOKEN[best.fit]}: {printable(best.reason)}\n")
        others = [p for p in found.pairs if p.model is model and p is not best and p.fit is not Fit.CANNOT_LOAD]
        parts += [f"  {'or':12} {printable(str(p.projector.path))} ({_SPOKEN[p.fit]})\n" for p in others if p.projector]
        parts.append(f"  {'start':12} {quoted(start(best).command)}\n\n")
    paired = {id(best.projector) for model in found.models if (best := found.best(model))}
    alone = [projector for projector in found.projectors if id(projector) not in paired]
    parts += [f"projector  {printable(str(p.path))}: the first choice of no model here\n" for p in alone]
    return "".join(parts).rstrip("\n") + "\n"


def pair_fields(verdict: Verdict) -> dict[str, Any]:
    """The same as ``pair_text`` for JSON."""
    begin = start(verdict) if verdict.projector and verdict.fit is not Fit.CANNOT_LOAD else None
    choice = verdict.choice
    return {
        "fit": verdict.fit,
        "reason": verdict.reason,
        "notes": [*verdict.notes, *(begin.notes if begin else ())],
        "preset": None
        if choice is None
        else {"name": choice.preset.name, "why": choice.why, "by_name": choice.by_name},
        "model": model_fields(verdict.model),
        "projector": None if verdict.projector is None else projector_fields(verdict.projector, verdict),
        "command": None if begin is None else list(begin.command),
    }


def folder_fields(found: Findings) -> dict[str, Any]:
    """The same as ``folder_text`` for JSON, with every pair."""
    return {
        "models": [model_fields(model) for model in found.models],
        "projectors": [projector_fields(projector) for projector in found.projectors],
        "pairs": [
            {
                "model": str(pair.model.path),
                "projector": str(pair.projector.path) if pair.projector else None,
                "fit": pair.fit,
                "reason": pair.reason,
                "preset": pair.choice.preset.name if pair.choice else None,
                "command": None if pair.fit is Fit.CANNOT_LOAD else list(start(pair).command),
            }
            for pair in found.pairs
        ],
        "unreadable": [
            {"path": str(file.path), "message": file.message, "hint": file.hint} for file in found.unreadable
        ],
    }


def model_fields(model: ModelFacts) -> dict[str, Any]:
    """A language model for JSON."""
    fields = {f.name: getattr(model, f.name) for f in dataclasses.fields(model) if f.name not in {"words", "names"}}
    return {**fields, "path": str(model.path), "width": model.width}


def projector_fields(projector: ProjectorFacts, verdict: Verdict | None = None) -> dict[str, Any]:
    """A projector for JSON."""
    tokens = cost(projector, verdict.choice.preset if verdict and verdict.choice else None)
    fields = {f.name: getattr(projector, f.name) for f in dataclasses.fields(projector) if f.name != "names"}
    return {**fields, "path": str(projector.path), "tokens": tokens.words, "most_tokens": tokens.most}


def _model_rows(verdict: Verdict) -> Rows:
    model, choice = verdict.model, verdict.choice
    preset = f"{FALLBACK}, a guess: no preset knows this model"
    if choice:
        preset = f"{choice.preset.name}: {choice.why}"
        if not choice.by_name:
            preset += f"; give --preset {choice.preset.name}, the file's name does not tell"
    return [
        ("architecture", model.architecture),
        ("name", model.name),
        ("quantization", f"{model.quantization or 'unknown'}, {_bytes(model.size)}"),
        ("context", f"{model.context_length} tokens" if model.context_length else ""),
        ("width", _width(model.width, model.deepstack_layers)),
        ("template", model.template or "none in the file, as in most old models"),
        ("preset", preset),
    ]


def _projector_rows(projector: ProjectorFacts, verdict: Verdict | None) -> Rows:
    tokens = cost(projector, verdict.choice.preset if verdict and verdict.choice else None)
    words = tokens.words
    if tokens.page and tokens.page != tokens.most:
        words += f"; {tokens.page} in KoboldCpp without --visionmaxres"
    patches = f", patches of {projector.patch_size} px" if projector.patch_size else ""
    return [
        ("type", projector.type + ("" if projector.sees else ", for sound")),
        ("name", projector.name),
        ("quantization", f"{projector.quantization or 'unknown'}, {_bytes(projector.size)}"),
        ("image", f"{projector.image_size} px{patches}" if projector.image_size else ""),
        ("tokens", words),
        ("width", _width(projector.width, projector.deepstack_layers)),
    ]


def _starting(verdict: Verdict) -> str:
    assert verdict.projector is not None
    if verdict.fit is Fit.CANNOT_LOAD:
        return _notes(verdict.notes)
    begin = start(verdict)
    notes = [*verdict.notes, *begin.notes]
    tokens = cost(verdict.projector, verdict.choice.preset if verdict.choice else None)
    if not tokens.grows and (verdict.projector.image_size or _COARSE) < _COARSE:
        notes.append(
            f"this encoder makes every picture {verdict.projector.image_size} px small: good for captions, "
            "a page of print cannot be read"
        )
    return f"start      {quoted(begin.command)}\n{_notes(tuple(notes))}"


def _notes(notes: tuple[str, ...]) -> str:
    return "".join(f"note       {printable(note)}\n" for note in notes)


def _block(title: str, name: str, rows: Rows) -> str:
    lines = [f"  {label:12} {printable(text)}\n" for label, text in rows if text]
    return f"{title:10} {printable(name)}\n" + "".join(lines)


def _width(width: int | None, deepstack: int) -> str:
    if width is None:
        return "not known"
    return f"{width}" + (
        f" ({width // (1 + deepstack)}, and as much for each of {deepstack} deepstack layers)" if deepstack else ""
    )


def _bytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
