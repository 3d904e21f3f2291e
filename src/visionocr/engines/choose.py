"""Opens the engine that the settings ask for: a server, several, the embedded engine, or llama.cpp."""

from __future__ import annotations

from visionocr.engines import llama
from visionocr.engines.connect import connect, connect_all
from visionocr.errors import ServerUnknown, ServerUnreachable, UsageError
from visionocr.extras import install_hint
from visionocr.prompting.library import Library
from visionocr.settings import DEFAULT_URL, Settings
from visionocr.stop import Stop
from visionocr.types import Engine, Notice, Observer, ignore

LOCAL_URL = "local:"
VISION_HINT = (
    "For a vision model: start KoboldCpp with --model MODEL.gguf --mmproj PROJECTOR.gguf, "
    "or give the address of any server with --api-url."
)


def open_engine(
    settings: Settings,
    library: Library | None = None,
    *,
    observer: Observer = ignore,
    stop: Stop | None = None,
) -> Engine:
    """The engine of the settings; without an address a server on the default port, else the embedded engine.

    The *library*'s presets help to judge a model that is to be run without a server.

    Raises a ``ServerError`` when there is none, ``UsageError`` when the settings name several.
    """
    if llama.is_configured(settings):
        return llama.open_engine(settings, library.presets() if library else (), observer, stop)
    if LOCAL_URL in settings.api_url:
        if len(settings.api_url) > 1:
            raise UsageError(f"{LOCAL_URL} cannot be combined with servers", "Give one or the other as --api-url.")
        return _open_local(settings)
    if len(settings.api_url) > 1:
        return connect_all(settings, observer, stop)
    try:
        return connect(settings, settings.api_url[0] if settings.api_url else DEFAULT_URL, observer, stop)
    except (ServerUnreachable, ServerUnknown):
        if settings.api_url:
            raise
    from visionocr.engines import local

    if not local.installed(settings.local_model.value):
        raise ServerUnreachable(
            f"no server answers at {DEFAULT_URL}, and the embedded engine is not installed",
            f"{VISION_HINT} {install_hint('local', 'To read text without a server')}",
        )
    observer(Notice(f"no server answers at {DEFAULT_URL}: reading with the embedded engine. {VISION_HINT}"))
    return _open_local(settings)


def _open_local(settings: Settings) -> Engine:
    from visionocr.engines import local

    engine = local.LocalEngine(model=settings.local_model.value)
    engine.warm()
    return engine
