"""The products that speak OpenAI's API: how each is recognised, what it supports beyond the common, what it reports.

Facts were read in the sources of vLLM 0.33, llama.cpp, text-generation-webui and KoboldCpp 1.115.1, and in LM Studio's
documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from visionocr.engines.dialects import koboldcpp, llamacpp, ollama
from visionocr.engines.dialects.choice import Model, choose
from visionocr.engines.dialects.json_helpers import (
    ask_optional,
    get_context,
    get_count,
    get_flag,
    get_name,
    get_object,
    get_objects,
    get_text,
)
from visionocr.engines.http import Http
from visionocr.text import PROJECTOR_REMEDY
from visionocr.types import Server

Facts = Mapping[str, Any]
_NO_THINKING = {"chat_template_kwargs": {"enable_thinking": False}}
"""For models that would think, at length; a template that knows no such thing does not look."""
_UNSKIPPED = {"skip_special_tokens": False}
_KIND = "OpenAI-compatible server"


def _list_models(http: Http, listed: Facts) -> list[Model]:  # noqa: ARG001 - the others' form
    """The models as every server lists them, with the context where a server names it."""
    models = []
    for entry in get_objects(listed, "data"):
        sizes = (get_context(entry, key) for key in ("max_model_len", "context_length", "context_window"))
        if name := get_name(entry, "id"):
            models.append(Model(name, context=next(filter(None, sizes), None)))
    return models


@dataclass(frozen=True)
class Product:
    """One product."""

    kind: str = _KIND
    sampler: tuple[tuple[str, str], ...] = ()
    """Fields of ``Sampler`` that it knows beyond the common ones, and what it calls them."""
    extra: Facts = field(default_factory=dict)
    special_tokens: Facts = field(default_factory=dict)
    """What lets it write special tokens into the text."""
    most_stops: int | None = None
    """Stop sequences that it takes; ``None``: any number."""
    streams: bool = False
    """Its answers may come in pieces, with the token counts at the end: so they can be watched, and a server that
    writes notices sooner that nobody listens."""
    models: Callable[[Http, Facts], list[Model]] = _list_models
    about: Callable[[Http], dict[str, Any]] = lambda http: {}  # noqa: ARG005
    """More fields of ``Server``, from cheap questions."""
    server: Facts = field(default_factory=dict)
    """Fields of ``Server`` that are the same for every server of the kind."""

    def describe(self, http: Http, listed: Facts, wanted: str | None, dialect: str) -> Server:
        """The server. Raises ``ServerRefused`` when it has no model that can be asked."""
        chosen = choose(f"{self.kind} at {http.base}", self.models(http, listed), wanted)
        server = Server(
            url=http.base,
            dialect=dialect,
            kind=self.kind,
            model=chosen.name,
            vision=chosen.vision,
            context_length=chosen.context,
            max_images=4,
            applies_template=True,
            aborts=False,
        )
        return replace(server, **{**self.server, **self.about(http)})


# --- what each says of itself --------------------------------------------------------------------------


def _vllm_models(http: Http, listed: Facts) -> list[Model]:
    """The base models: adapters are listed beside the model that they change."""
    adapters = {entry.get("id") for entry in get_objects(listed, "data") if entry.get("parent")}
    return [model for model in _list_models(http, listed) if model.name not in adapters] or _list_models(http, listed)


def _lm_studio_models(http: Http, listed: Facts) -> list[Model]:
    """From its own API, where models that are not loaded are listed too; before version 0.4 there is none."""
    models = []
    for entry in get_objects(ask_optional(http, "/api/v1/models"), "models"):
        loaded = get_objects(entry, "loaded_instances")
        context = get_context(get_object(loaded[0], "config"), "context_length") if loaded else None
        vision = get_flag(get_object(entry, "capabilities"), "vision")
        if entry.get("type") != "embedding" and (name := get_name(entry, "key")):
            models.append(Model(name, bool(loaded), vision, context))
    return models or _list_models(http, listed)


def _webui_models(http: Http, listed: Facts) -> list[Model]:
    """The model that is loaded: a request's own is ignored, whatever the list holds."""
    name = get_name(ask_optional(http, "/v1/internal/model/info"), "model_name")
    return [Model(name, loaded=True)] if name not in {"", "None"} else _list_models(http, listed)


def _llama_about(http: Http) -> dict[str, Any]:
    props = ask_optional(http, "/props")
    return {
        "version": get_name(props, "build_info"),
        "vision": get_flag(get_object(props, "modalities"), "vision"),
        "context_length": get_context(get_object(props, "default_generation_settings"), "n_ctx"),
        "slots": min(max(get_count(props, "total_slots") or 1, 1), 8),
    }


def _version_at(path: str) -> Callable[[Http], dict[str, Any]]:
    return lambda http: {"version": get_name(ask_optional(http, path), "version")}


def _koboldcpp_about(http: Http) -> dict[str, Any]:
    """What its own API says."""
    server = koboldcpp.KoboldCpp().probe(http, ask_optional(http, "/api/extra/version"))
    general = {"url", "dialect", "kind", "model", "slots", "ahead", "applies_template", "aborts"}
    return {name: value for name, value in asdict(server).items() if name not in general}


def _ollama_models(http: Http, listed: Facts) -> list[Model]:
    tags = ask_optional(http, "/api/tags")
    return ollama.list_models(http, tags) or _list_models(http, listed)


VLLM = Product(
    "vLLM",
    sampler=(("top_k", "top_k"), ("min_p", "min_p"), ("rep_pen", "repetition_penalty")),
    extra=_NO_THINKING,
    special_tokens=_UNSKIPPED,
    streams=True,
    models=_vllm_models,
    about=_version_at("/version"),
    server={
        "slots": 4,  # it computes several requests together
        "vision_remedy": "Serve a model that can see pictures.",
        "context_remedy": "Start it with a larger --max-model-len",
    },
)
LM_STUDIO = Product(
    "LM Studio",
    sampler=(("top_k", "top_k"), ("rep_pen", "repeat_penalty")),
    streams=True,
    models=_lm_studio_models,
    server={
        "vision_remedy": "Load a model that LM Studio marks as a vision model.",
        "context_remedy": "Load the model with a larger context length",
    },
)
LLAMA_CPP = Product(
    "llama.cpp",
    sampler=(("top_k", "top_k"), ("min_p", "min_p"), ("rep_pen", "repeat_penalty")),
    extra={**_NO_THINKING, **llamacpp.NEUTRAL_SAMPLERS},
    streams=True,
    about=_llama_about,
    server={
        "vision_remedy": PROJECTOR_REMEDY,
        "context_remedy": "Start it with a larger --ctx-size",
    },
)
WEBUI = Product(
    "text-generation-webui",
    sampler=(("top_k", "top_k"), ("min_p", "min_p"), ("rep_pen", "repetition_penalty")),
    special_tokens=_UNSKIPPED,
    models=_webui_models,
    server={
        "counts_tokens": False,  # a picture counts as 600 tokens, seen or not
        "vision_remedy": "Load a model with its projector (--mmproj), or one for ExLlamaV3 that can see.",
        "context_remedy": "Load the model with a larger --ctx-size",
    },
)
OLLAMA = Product(
    ollama.KIND,
    extra={name: ollama.NEUTRAL_SAMPLERS[name] for name in ("presence_penalty", "frequency_penalty")},
    streams=True,
    models=_ollama_models,
    about=_version_at("/api/version"),
    server={
        "vision_remedy": "Name a model that can see with --model.",
        "context_remedy": "Over this API Ollama takes no context length: leave out --dialect openai, or start Ollama "
        "with a larger OLLAMA_CONTEXT_LENGTH",
    },
)
KOBOLDCPP = Product(
    "KoboldCpp",
    sampler=(("top_k", "top_k"), ("min_p", "min_p"), ("rep_pen", "rep_pen"), ("seed", "sampler_seed")),
    extra={**_NO_THINKING, **koboldcpp.NEUTRAL_SAMPLERS},
    special_tokens={"render_special": True},
    about=_koboldcpp_about,
)
UNKNOWN = Product(most_stops=4, server={"counts_tokens": False})
"""Nothing is known about an unknown product, so whether it can see pictures must be tested."""

PRODUCTS = (VLLM, LM_STUDIO, LLAMA_CPP, WEBUI, OLLAMA, KOBOLDCPP, UNKNOWN)
_OWNERS = {"vllm": VLLM, "llamacpp": LLAMA_CPP, "koboldcpp": KOBOLDCPP}
"""Who each product says owns its models; where that is distinctive."""
_SIGNS: tuple[tuple[str, Callable[[Facts], bool], Product], ...] = (
    ("/api/extra/version", lambda said: said.get("result") == "KoboldCpp", KOBOLDCPP),
    ("/v1/internal/health", lambda said: said.get("status") == "ok", WEBUI),
    ("/api/version", lambda said: isinstance(said.get("version"), str), OLLAMA),
    ("/props", lambda said: "build_info" in said, LLAMA_CPP),
    ("/api/v1/models", lambda said: isinstance(said.get("models"), list), LM_STUDIO),
    ("/api/v0/models", lambda said: isinstance(said.get("data"), list), LM_STUDIO),
    ("/version", lambda said: isinstance(said.get("version"), str), VLLM),
)
"""Cheap requests that only one product answers in this way."""


def detect_product(http: Http, listed: Facts) -> Product:
    """Recognise the product by the owner of its models, else by what else it answers."""
    for entry in get_objects(listed, "data"):
        if product := _OWNERS.get(get_text(entry, "owned_by")):
            return product
    for path, sign, product in _SIGNS:
        if sign(ask_optional(http, path)):
            return product
    return UNKNOWN


def product_by_name(kind: str) -> Product:
    """The product of this kind."""
    return next((product for product in PRODUCTS if product.kind == kind), UNKNOWN)
