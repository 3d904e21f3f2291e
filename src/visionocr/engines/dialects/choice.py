"""Which of a server's models is asked."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from visionocr.errors import ServerRefused
from visionocr.text import printable

_MOST_LISTED = 8


@dataclass(frozen=True, slots=True)
class Model:
    """A model that a server has."""

    name: str
    loaded: bool = False
    vision: bool | None = None
    """Whether it can see pictures; ``None``: the server does not say."""
    context: int | None = None
    """Tokens."""


def choose(where: str, models: Sequence[Model], wanted: str | None, remedy: str = "") -> Model:
    """The model called *wanted*; without a name the only one, else the only one that is loaded or can see.

    *where* names the server in an error ("Ollama at http://…"), *remedy* says how it gets a model.

    Raises ``ServerRefused``, with the models that are there, when there is none or no telling which.
    """
    if wanted is not None:
        for model in models:
            if wanted in {model.name, model.name.removesuffix(":latest")}:
                return model
        raise ServerRefused(f"the {where} has no model {printable(wanted)!r}", _listed(models, remedy, wanted))
    tests: tuple[Callable[[Model], bool], ...] = (
        lambda model: True,  # noqa: ARG005
        lambda model: model.loaded and model.vision is True,
        lambda model: model.loaded and model.vision is not False,
        lambda model: model.vision is True,
        lambda model: model.vision is not False,
        lambda model: model.loaded,
    )
    for test in tests:
        fitting = [model for model in models if test(model)]
        if len(fitting) == 1:
            return fitting[0]
    if not models:
        raise ServerRefused(f"the {where} has no model", remedy)
    seeing = [model for model in models if model.vision is not False] or list(models)
    raise ServerRefused(f"the {where} has {len(models)} models: choose one", f"Name it with --model. {_listed(seeing)}")


def _listed(models: Sequence[Model], remedy: str = "", wanted: str = "") -> str:
    """The models as a sentence, those first that are called much like *wanted*."""
    names = [model.name for model in models]
    near = difflib.get_close_matches(wanted, names, n=_MOST_LISTED, cutoff=0.5) if wanted else []
    names = [*near, *(name for name in names if name not in near)]
    more = len(names) - _MOST_LISTED
    listed = ", ".join(printable(name) for name in names[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")
    there = f"It has: {listed}." if names else "It has none."
    return f"{there} {remedy}".strip()
