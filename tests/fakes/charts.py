"""Lets a fake server read the eye chart: it knows the chart's seed, and reads letters down to a given size.

::

    server.plan[None] = chart_reader(seed, legible=6.0)                       # a good model that reads letters of 6 px
    server.plan[None] = chart_reader(seed, says=lambda text: f"{text} [INST]")   # answers with something else

Requests of the vision check, with flat pictures or none, get the server's normal answer.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

from PIL import Image

from fakes.faults import Fault, FixedText, OutputFault
from fakes.loopback import Arrival
from visionocr.check.chart_image import layout


def chart_reader(
    seed: int, *, legible: float = 0.0, kept: int = 2048, says: Callable[[str], str | OutputFault] = str
) -> Callable[[Arrival], Fault | None]:
    """A step of ``plan`` that reads the lines whose letters have *legible* pixels once the longest side is *kept*."""

    def step(arrival: Arrival) -> Fault | None:
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
        output = says("\n".join(seen))
        return output if isinstance(output, OutputFault) else FixedText(output)

    return step
