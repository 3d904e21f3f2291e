"""Names for projectors that are called after their conversion only, such as ``mmproj-model-f16.gguf``.

The scheme is ``mmproj-MODEL-TYPE.gguf``: MODEL is the file name of the language model without its quantization, TYPE is
the quantization of the projector. The name starts with ``mmproj`` because llama-server looks for that in the folder of
a model (source: llama.cpp, tools/server/README.md on ``--models-dir``).
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from visionocr.gguf.compatibility import Fit
from visionocr.gguf.facts import ModelFacts, ProjectorFacts
from visionocr.gguf.folder import Findings
from visionocr.text import printable

_QUANTIZATION = r"(?:UD-|i1-)?(?:I?Q\d(?:_[\dA-Z]+)*|TQ\d_\d|B?F16|FP?(?:8|16|32)|MXFP4(?:_MOE)?|NVFP4)"
_AT_THE_END = re.compile(rf"[-_.]{_QUANTIZATION}$", re.IGNORECASE)
_ANYWHERE = re.compile(rf"(?<![^\W_]){_QUANTIZATION}(?![^\W_])", re.IGNORECASE)
_PART = re.compile(r"-\d{5}-of-\d{5}$")
_CONVERSION = frozenset(
    ("adapter", "clip", "copy", "encoder", "ggml", "gguf", "image", "mmproj", "model", "projector", "vision", "visual")
)
"""Words of file names that say nothing about the model."""
_LONGEST = 200
"""Characters of a proposed name; file systems take 255 bytes."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A projector whose name says nothing, and the name it should have."""

    projector: ProjectorFacts
    name: str
    """Empty where none can be told."""
    reason: str
    """Which model it belongs to, or why that cannot be told; one sentence without its full stop."""


def propose_names(found: Findings) -> list[Proposal]:
    """A proposal for each projector of a folder that is called after its conversion only."""
    nameless = [projector for projector in found.projectors if projector.sees and is_nameless(projector.path)]
    proposals = [_propose(projector, found) for projector in nameless]
    return [_refuse_taken(proposal, proposals) if proposal.name else proposal for proposal in proposals]


def is_nameless(path: Path) -> bool:
    """Whether the name of a model file holds nothing but how it was converted."""
    return all(word in _CONVERSION or word.isdigit() for word in _words(_ANYWHERE.sub(" ", path.stem)))


def name_model(model: ModelFacts) -> str:
    """What a model is called by its file, else by its header, without its quantization; empty where neither tells."""
    stem = _AT_THE_END.sub("", _PART.sub("", model.path.stem))
    if is_nameless(Path(f"{stem}.gguf")):
        stem = re.sub(r"[^\w.+-]+", "-", _AT_THE_END.sub("", model.name)).strip("-.")
    return "" if is_nameless(Path(f"{stem}.gguf")) else stem


def _propose(projector: ProjectorFacts, found: Findings) -> Proposal:
    if projector.path.is_symlink():
        return Proposal(projector, "", "it is a link, and the program that made it looks for it by its name")
    fitting = [pair.model for pair in found.pairs if pair.projector is projector and pair.fit is Fit.FITS]
    models = [model for model in fitting if model.path.parent == projector.path.parent] or fitting
    models = [model for model in models if _words(model.name) == _words(projector.name) != []] or models
    if not models:
        return Proposal(projector, "", "no model here is known to fit it")
    if len({name_model(model) for model in models}) > 1:
        several = sorted({name_model(model) or model.path.name for model in models})
        return Proposal(projector, "", f"it fits several models: {printable(', '.join(several))}")
    model = name_model(models[0])
    if not model:
        return Proposal(projector, "", "the model that it fits has no name of its own either")
    kind = projector.quantization.rpartition(" ")[2]  # of "mostly F16" the last word
    name = f"mmproj-{model}{f'-{kind}' if kind else ''}.gguf"
    if len(name) > _LONGEST or not name.isprintable():
        return Proposal(projector, "", "the name of the model that it fits cannot be used")
    return Proposal(projector, name, f"it belongs to {model}")


def _words(name: str) -> list[str]:
    """A name in a form in which different spellings are the same."""
    return re.findall(r"[^\W_]+", name.casefold())


def _refuse_taken(proposal: Proposal, proposals: Sequence[Proposal]) -> Proposal:
    """The proposal without its name where another projector would get it too, or a file has it already."""
    folder, name = proposal.projector.path.parent, proposal.name
    rivals = [one for one in proposals if one.projector.path.parent == folder and _fold(one.name) == _fold(name)]
    if len(rivals) > 1:
        return Proposal(proposal.projector, "", f"several projectors here would be called {name}")
    taken = next((entry for entry in os.listdir(folder) if _fold(entry) == _fold(name)), None)
    if taken is not None:
        return Proposal(proposal.projector, "", f"there is a file {printable(taken)} already")
    return proposal


def _fold(name: str) -> str:
    """What no two files of one folder may share on systems that do not tell case or forms of Unicode apart."""
    return unicodedata.normalize("NFC", name).casefold()
