"""Short test requests before the first page that show whether a server uses pictures, and in which size."""

from __future__ import annotations

from dataclasses import replace

from visionocr.errors import AnswerUnusable, PicturesIgnored, RequestRefused
from visionocr.prompting import budget
from visionocr.prompting.render import Question, build_request
from visionocr.types import Completion, Engine, PageImage, PageRef, Request, Sampler

_PROBE_SIZE = (2048, 512)
"""Pixels: as long as any clamp allows, not over 4:1 (which servers pad), few enough tokens to be quick."""
_GREEDY = Sampler()
_PAGE = PageRef(document="vision check", number=1, pages=1)


def picture(width: int, height: int, shade: int = 255) -> PageImage:
    """A flat grey picture."""
    from visionocr.documents.images import flat_image  # loads Pillow

    return flat_image(_PAGE, width, height, shade)


def measure_clamped_side(engine: Engine, question: Question) -> int | None:
    """The long side in pixels to which the server shrinks a larger picture, from the tokens that one costs.

    Only for encoders whose tokens grow with the picture. ``None`` when the server does not count tokens. Raises
    ``PicturesIgnored`` when the picture costs none.
    """
    probe = picture(*_PROBE_SIZE)
    completion = _complete(engine, replace(build_request(question, [probe], _GREEDY), max_length=1))
    if completion is None or completion.prompt_tokens is None or completion.text_tokens is None:
        return None
    tokens = completion.prompt_tokens - completion.text_tokens - budget.OVERHEAD
    if tokens <= 0:
        raise _pictures_ignored(engine)
    return budget.estimate_clamped_side(question.preset.image, probe.width, probe.height, tokens)


def require_vision(engine: Engine, question: Question) -> None:
    """Compare the greedy answers to no picture, a white and a black one, where token counts cannot tell.

    Raises ``PicturesIgnored`` when the picture makes no difference at all.
    """
    if engine.server.counts_tokens:
        return
    white, black = (build_request(question, [picture(448, 448, shade)], _GREEDY) for shade in (255, 0))
    texts = tuple(part for part in white.prompt.parts if isinstance(part, str))
    none = replace(white, prompt=replace(white.prompt, parts=texts))
    answers = set()
    for request in (none, white, black):
        completion = _complete(engine, replace(request, max_length=16))
        if completion is None:
            return
        answers.add(completion.text)
    if len(answers) == 1:
        raise _pictures_ignored(engine)


def _complete(engine: Engine, request: Request) -> Completion | None:
    try:
        return engine.complete(request)
    except (AnswerUnusable, RequestRefused):
        return None  # the pages will show whether that was chance


def _pictures_ignored(engine: Engine) -> PicturesIgnored:
    return PicturesIgnored(
        f"the {engine.server.kind} at {engine.server.url} ignores pictures",
        f"{engine.server.vision_remedy} {engine.server.context_remedy}, if the picture did not fit into it.",
    )
