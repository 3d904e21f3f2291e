"""A request's body as bytes. A JSON encoder looks at every character of a picture; this one does not."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import replace

from visionocr.engines.dialects import Dialect
from visionocr.types import PageImage, Request, Server

_STAND_IN = 18
"""Random bytes that stand for a picture: 24 characters of base64, which nothing else in a body will be."""


def encoded(dialect: Dialect, server: Server, request: Request, key: str) -> bytes:
    """The JSON that *dialect* makes of *request*.

    The dialect is given stand-ins for the pictures, whose base64 is replaced by that of the pictures in the end.
    """
    pictures: dict[bytes, bytes] = {}

    def stand_in(image: PageImage) -> PageImage:
        token = secrets.token_bytes(_STAND_IN)
        pictures[base64.b64encode(token)] = image.data
        return replace(image, data=token)

    parts = tuple(stand_in(part) if isinstance(part, PageImage) else part for part in request.prompt.parts)
    body = json.dumps(
        dialect.encode(server, replace(request, prompt=replace(request.prompt, parts=parts)), key)
    ).encode()
    for token, data in pictures.items():
        assert body.count(token) == 1, f"{dialect.NAME} does not send a picture once, as base64"
        body = body.replace(token, base64.b64encode(data))
    return body
