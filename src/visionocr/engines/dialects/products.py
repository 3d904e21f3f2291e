"""The products that speak OpenAI's language: how each is told, what it knows beyond the common, what it says of itself.

Facts were read in the sources of vLLM 0.33, llama.cpp, text-generation-webui and KoboldCpp 1.115.1, and in LM Studio's
documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from visionocr.engines.dialects import json_helpers, koboldcpp, ollama
from visionocr.engines.dialects.choice import Model, choose
from visionocr.engines.http import Http
from visionocr.text import PROJECTOR_REMEDY
from visionocr.types import Server

Facts = Mapping[str, Any]
_NO_THINKING = {"chat_template_kwargs": {"enable_thinking": False}}
"""For models that would think, at length; a template that knows no such thing does not look."""
_UNSKIPPED = {"skip_special_tokens": False}
_KIND = "OpenAI-compatible server"


def _listed(http: Http, listed: Facts) -> list[Model]:  # noqa: ARG001 - the others' form
    """The models as every server lists them, with the context where a server names it."""
    models = []
    for entry in json_helpers.tables(listed, "data"):
        sizes = (json_helpers.context(entry, key) for key in ("max_model_len", "context_length", "context_window"))
        if name := json_helpers.name(entry, "id"):
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
    models: Callable[[Http, Facts], list[Model]] = _listed
    about: Callable[[Http, Facts], dict[str, Any]] = lambda http, listed: {}  # noqa: ARG005
    """More fields of ``Server``, from cheap questions."""
    server: Facts = field(default_factory=dict)
    """Fields of ``Server`` that are the same for every server of the kind."""

    def describe(self, http: Http, listed: Facts, wanted: str | None, dialect: str) -> Server:
        """The server. Raises ``ServerRefused`` when it has no model that can be asked."""
        chosen = choose(f"{self.kind} at {http.base}", self.models(http, listed), wanted)
        known = {"max_images": 4, **self.server, **self.about(http, listed)}
        return Server(
            **{
                "url": http.base,
                "kind": self.kind,
                "model": chosen.name,
                "vision": chosen.vision,
                "context_length": chosen.context,
                **known,
                "dialect": dialect,
                "applies_template": True,
                "aborts": False,
            }
        )


# --- what each says of itself --------------------------------------------------------------------------


def _vllm_models(http: Http, listed: Facts) -> list[Model]:
    """The base models: adapters are listed beside the model that they change."""
    adapters = {entry.get("id") for entry in json_helpers.tables(listed, "data") if entry.get("parent")}
    return [model for model in _listed(http, listed) if model.name not in adapters] or _listed(http, listed)


def _lm_studio_models(http: Http, listed: Facts) -> list[Model]:
    """From its own API, new or old, where models that are not loaded are listed too."""
    models = []
    for entry in json_helpers.tables(json_helpers.known(http, "/api/v1/models"), "models"):
        loaded = json_helpers.tables(entry, "loaded_instances")
        context = json_helpers.context(json_helpers.table(loaded[0], "config"), "context_length") if loaded else None
        vision = json_helpers.table(entry, "capabilities").get("vision")
        if entry.get("type") != "embedding" and (name := json_helpers.name(entry, "key")):
            models.append(Model(name, bool(loaded), vision if isinstance(vision, bool) else None, context))
    for entry in [] if models else json_helpers.tables(json_helpers.known(http, "/api/v0/models"), "data"):
        loaded_context = json_helpers.context(entry, "loaded_context_length")
        if entry.get("type") != "embeddings" and (name := json_helpers.name(entry, "id")):
            models.append(Model(name, entry.get("state") == "loaded", entry.get("type") == "vlm", loaded_context))
    return models or _listed(http, listed)


def _webui_models(http: Http, listed: Facts) -> list[Model]:
    """The model that is loaded: a request's own is ignored, whatever the list holds."""
    name = json_helpers.name(json_helpers.known(http, "/v1/internal/model/info"), "model_name")
    return [Model(name, loaded=True)] if name not in {"", "None"} else _listed(http, listed)


def _llama_about(http: Http, listed: Facts) -> dict[str, Any]:  # noqa: ARG001 - the others' form
    props = json_helpers.known(http, "/props")
    vision = json_helpers.table(props, "modalities").get("vision")
    return {
        "version": json_helpers.text(props, "build_info"),
        "vision": vision if isinstance(vision, bool) else None,
        "context_length": json_helpers.context(json_helpers.table(props, "default_generation_settings"), "n_ctx"),
        "slots": min(max(json_helpers.whole(props, "total_slots") or 1, 1), 8),
    }


def _version_at(path: str) -> Callable[[Http, Facts], dict[str, Any]]:
    return lambda http, listed: {"version": json_helpers.text(json_helpers.known(http, path), "version")}  # noqa: ARG005


def _koboldcpp_about(http: Http, listed: Facts) -> dict[str, Any]:  # noqa: ARG001 - the others' form
    """What its own API says."""
    server = koboldcpp.probe(http, json_helpers.known(http, "/api/extra/version"))
    kept: tuple[str, ...] = (
        "version",
        "vision",
        "context_length",
        "max_images",
        "max_side",
        "assumed_side",
        "max_body",
    )
    kept += ("counts_tokens", "vision_remedy", "context_remedy", "clamp_remedy", "warnings")
    return {name: getattr(server, name) for name in kept}


def _ollama_models(http: Http, listed: Facts) -> list[Model]:
    tags = json_helpers.known(http, "/api/tags")
    return ollama.models(http, tags) or _listed(http, listed)


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
        "vision_remedy": "Load a model with the mark for vision.",
        "context_remedy": "Load the model with a larger context length",
    },
)
LLAMA_CPP = Product(
    "llama.cpp",
    sampler=(("top_k", "top_k"), ("min_p", "min_p"), ("rep_pen", "repeat_penalty")),
    extra=_NO_THINKING,
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
    streams=True,
    models=_ollama_models,
    about=_version_at("/api/version"),
    server={
        "vision_remedy": "Name a model that can see with --model.",
        "context_remedy": "This way Ollama takes no context length: leave out --dialect openai, or start Ollama with a "
        "larger OLLAMA_CONTEXT_LENGTH",
    },
)
KOBOLDCPP = Product(
    "KoboldCpp",
    sampler=(("top_k", "top_k"), ("min_p", "min_p"), ("rep_pen", "rep_pen"), ("seed", "sampler_seed")),
    extra=_NO_THINKING,
    special_tokens={"render_special": True},
    about=_koboldcpp_about,
)
UNKNOWN = Product(most_stops=4, server={"counts_tokens": False})
"""Of a server that nobody knows only the language is known: whether it sees must be tried."""

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
"""Small questions that only one product answers so."""


def tell(http: Http, listed: Facts) -> Product:
    """Which product lists its models so: by their owner, else by what else it answers."""
    for entry in json_helpers.tables(listed, "data"):
        if product := _OWNERS.get(json_helpers.text(entry, "owned_by")):
            return product
    for path, sign, product in _SIGNS:
        if sign(json_helpers.known(http, path)):
            return product
    return UNKNOWN


def named(kind: str) -> Product:
    """The product of this kind."""
    return next((product for product in PRODUCTS if product.kind == kind), UNKNOWN)
