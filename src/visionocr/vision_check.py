"""Short requests before the first page: what its prompt costs, whether a server uses pictures, and in which size."""

from __future__ import annotations

from dataclasses import replace

from visionocr.errors import AnswerUnusable, PicturesIgnored, RequestRefused
from visionocr.prompting import budget
from visionocr.prompting.render import Question, build_request, wrap
from visionocr.types import Completion, Engine, PageImage, PageRef, Request, Sampler

_PROBE_SIZE = (2048, 512)
"""Pixels: as long as any clamp allows, not over 4:1 (which servers pad), few enough tokens to be quick."""
_SMALL_SIZE = (512, 128)
"""The same shape, within every clamp."""
_GREEDY = Sampler()
_PAGE = PageRef(document="vision check", number=1, pages=1)


def picture(width: int, height: int, shade: int = 255) -> PageImage:
    """A flat grey picture."""
    from visionocr.documents.images import flat_image  # loads Pillow

    return flat_image(_PAGE, width, height, shade)


def count_prompt(engine: Engine, question: Question) -> int:
    """Tokens of the text that is sent with a page; 0 where they cannot be counted."""
    return engine.count_tokens(wrap(build_request(question, (picture(64, 64),)).prompt)) or 0


def measure_clamped_side(engine: Engine, question: Question) -> int | None:
    """The long side in pixels to which the server shrinks a larger picture, from the tokens that one costs.

    Only for encoders whose tokens grow with the picture. ``None`` when the server does not count tokens, or when its
    encoder enlarges small pictures (LightOnOCR in KoboldCpp makes all equally large): then tokens tell nothing of a
    picture's size. Raises ``PicturesIgnored`` when a picture costs none.
    """
    facts = question.preset.image
    tokens = _count_picture(engine, question, *_PROBE_SIZE)
    if tokens is None:
        return None
    small = _count_picture(engine, question, *_SMALL_SIZE)
    if small is None or small > 2 * budget.count_image_tokens(facts, engine.server, *_SMALL_SIZE) + budget.OVERHEAD:
        return None
    return budget.estimate_clamped_side(facts, *_PROBE_SIZE, tokens)


def _count_picture(engine: Engine, question: Question, width: int, height: int) -> int | None:
    """About how many tokens a flat picture costs; ``None`` where the server does not tell."""
    request = build_request(question, [picture(width, height)], _GREEDY)
    completion = _complete(engine, replace(request, max_length=1))
    if completion is None or completion.prompt_tokens is None or completion.text_tokens is None:
        return None
    tokens = completion.prompt_tokens - completion.text_tokens - budget.OVERHEAD
    if tokens <= 0:
        raise _pictures_ignored(engine)
    return tokens


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
