"""Lets a fake server read the eye chart: it is told the chart's seed, and sees letters down to a size.

::

    server.plan[None] = reads(seed, legible=6.0)                       # a good model that reads letters of 6 px
    server.plan[None] = reads(seed, says=lambda text: f"{text} [INST]")   # and says something else of what it read

Requests of the vision check, with flat pictures or none, are left to the server's own ways.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

from PIL import Image

from fakes.faults import Kind, Says, Voice
from fakes.loopback import Arrival
from visionocr.check.chart_image import layout


def reads(
    seed: int, *, legible: float = 0.0, kept: int = 2048, says: Callable[[str], str | Voice] = str
) -> Callable[[Arrival], Kind | None]:
    """A step of ``plan``: the chart's lines whose letters have *legible* pixels once the longest side is *kept*."""

    def step(arrival: Arrival) -> Kind | None:
        body = arrival.body if isinstance(arrival.body, dict) else {}
        if not body.get("images"):
            return None
        with Image.open(io.BytesIO(base64.b64decode(body["images"][0]))) as picture:
            low, high = picture.convert("L").getextrema()
            size = picture.size
        if low == high:
            return None
        scale = min(1.0, kept / max(size))
        seen = [" ".join(line.words) for line in layout(size, seed) if line.x_height * scale >= legible]
        said = says("\n".join(seen))
        return said if isinstance(said, Voice) else Says(said)

    return step
