"""Errors that say: try again, but otherwise. They are waited out as a busy server is."""

from __future__ import annotations

from visionocr.errors import ServerBusy


class ServerChanged(ServerBusy):
    """What was learned of the server no longer holds: it was started again. To be probed anew."""


class ServerCrowded(ServerBusy):
    """The requests that run at the same time do not fit into the server together. Fewer at once may."""
