"""A model run without a server: its settings, and the behaviour and the end of its child process."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tiny_vlm
from fakes.llamacpp import FakeLlama
from fakes.pictures import encode, picture
from fakes.words import page_text
from visionocr import job, worker_main
from visionocr.check import examine
from visionocr.engines import choose, llama
from visionocr.engines.llama import Launch, LlamaFailed, LlamaServer
from visionocr.errors import ConfigurationError, Interrupted, ServerError, UsageError
from visionocr.extras import install_command
from visionocr.gguf import compatibility
from visionocr.prompting.library import Library
from visionocr.settings import load_settings
from visionocr.stop import Stop
from visionocr.types import ChatMarkers, Event, Notice, PageImage, PageRef, Prompt, Request, Sampler

LAUNCH = Launch("model.gguf", "projector.gguf", 4096)
FAKE = """
import os, runpy, sys, time, types
Params = types.SimpleNamespace
def serve(params):
    for line in {lines!r}:
        exec(line)
    return types.SimpleNamespace(listening_address={address!r})
sys.modules["xllamacpp"] = types.SimpleNamespace(
    CommonParams=lambda: Params(model=Params(), mmproj=Params(), cpuparams=Params(), cpuparams_batch=Params()),
    Server=serve,
)
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def fake_worker(*lines: str, address: object = "http://127.0.0.1:1") -> list[str]:
    """The worker with a fake llama.cpp that does what each test says."""
    return [sys.executable, "-I", "-S", "-c", FAKE.format(lines=lines, address=address), worker_main.__file__]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    """Settings that name a pair."""
    tiny = tiny_vlm.write_pair(tmp_path)
    return {"gguf": str(tiny.model), "mmproj": str(tiny.projector)}


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is there, whether it is or not."""
    monkeypatch.setattr(llama, "is_installed", lambda: True)


# --- the settings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "environment", "expected"),
    [
        ({}, {}, False),
        ({"gguf": "a", "mmproj": "b"}, {}, True),
        ({"gguf": "a"}, {"VISIONOCR_MMPROJ": "b"}, True),
        ({"gguf": "a", "mmproj": "b"}, {"VISIONOCR_API_URL": "http://x"}, True),
        ({"api_url": "http://x"}, {"VISIONOCR_GGUF": "a", "VISIONOCR_MMPROJ": "b"}, False),
    ],
)
def test_model_files_and_addresses_have_layers(
    flags: dict[str, str], environment: dict[str, str], expected: bool
) -> None:
    """A model that is set is run; between it and an address the setting of the nearer layer decides."""
    assert llama.is_configured(load_settings(flags, environment=environment)) is expected


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"gguf": "a"}, "--gguf is given without --mmproj"),
        ({"mmproj": "a"}, "--mmproj is given without --gguf"),
        ({"gguf": "a", "mmproj": "b", "api_url": "http://x"}, "exclude each other"),
        ({"gguf": "a", "mmproj": "b", "api_url": "local:"}, "exclude each other"),
    ],
)
def test_contradicting_options(flags: dict[str, str], words: str) -> None:
    """Half a pair, or a pair and an address in one layer, is a usage error, also for ``check``."""
    settings = load_settings(flags, environment={})
    with pytest.raises(UsageError, match=words):
        choose.open_engine(settings)
    with pytest.raises(UsageError, match=words):
        examine.validate(settings, Library(None))


@pytest.mark.parametrize("broken", ["gguf", "mmproj"])
@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04", b"GGUF and more"])
@pytest.mark.usefixtures("installed")
def test_invalid_model_files(files: dict[str, Any], broken: str, content: bytes | None) -> None:
    """A file that is missing, damaged or of another kind is named before anything is started."""
    path = Path(files[broken])
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        llama.open_engine(load_settings(files, environment={}))
    assert path.name in caught.value.message


@pytest.mark.usefixtures("installed")
def test_a_folder_is_no_model(files: dict[str, Any], tmp_path: Path) -> None:
    """The error names the command that looks for pairs in a folder."""
    with pytest.raises(ConfigurationError, match="is a folder") as caught:
        llama.open_engine(load_settings({**files, "gguf": str(tmp_path)}, environment={}))
    assert f"visionocr gguf {tmp_path}" in caught.value.hint


@pytest.mark.usefixtures("installed")
def test_incompatible_pair(files: dict[str, Any]) -> None:
    """Different widths are found before anything is started."""
    tiny_vlm.write_projector(Path(files["mmproj"]), width=96)
    with pytest.raises(ConfigurationError, match="puts out 96 numbers a token, the model takes 64"):
        llama.open_engine(load_settings(files, environment={}))


def test_doubtful_pair(files: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Doubts about a pair are warnings; its files choose the preset."""
    presets = Library(None).presets()
    facts = compatibility.examine_pair(Path(files["gguf"]), Path(files["mmproj"]), presets)
    told = replace(
        facts,
        fit=compatibility.Fit.DOUBTFUL,
        reason="odd",
        notes=("old",),
        choice=compatibility.Choice(presets[0], "", True),
    )
    monkeypatch.setattr(compatibility, "examine_pair", lambda *given: told)
    events: list[Event] = []
    name = llama._check_pair(Path(files["gguf"]), Path(files["mmproj"]), presets, events.append)
    assert name == presets[0].name
    assert events == [
        Notice("tiny-llama.gguf with tiny-mmproj.gguf: odd", warning=True),
        Notice("old", warning=True),
    ]
    match = job.choose_preset(load_settings({}, environment={}), Library(None), "what ever", name)
    assert (match.preset, match.known) == (presets[0], True)


def test_missing_package(files: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the command that installs it is named."""
    monkeypatch.setattr(llama, "is_installed", lambda: False)
    with pytest.raises(ConfigurationError) as caught:
        llama.open_engine(load_settings(files, environment={}))
    assert install_command("llama") in caught.value.hint


# --- the child ---------------------------------------------------------------------------------------------


def test_the_child_gets_everything_through_its_input() -> None:
    """The key is in no argument; the child ends when it is closed, which may happen twice."""
    server = LlamaServer(LAUNCH, fake_worker("print(params.api_keys, params.n_ctx, file=sys.stderr, flush=True)"))
    assert server.load() == "http://127.0.0.1:1"
    assert len(server.key) >= 32
    assert server.key not in " ".join(map(str, server._worker._process.args))  # type: ignore[arg-type]
    server.close()
    server.close()
    assert server.has_ended(0)
    assert server._lines[0] == f"['{server.key}'] 4096"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["print('0.01 W careful\\n0.02 E first cause\\n0.03 E then', file=sys.stderr)", "os._exit(1)"], "first cause"),
        (["print('0.01 I some\\nlast line', file=sys.stderr, flush=True)", "os._exit(3)"], "code 3: last line"),
        (["raise RuntimeError('no memory')"], "no memory"),
        (["print('0.1 E better', file=sys.stderr, flush=True)", "raise RuntimeError('no memory')"], "better"),
        (["sys.stderr.buffer.write(b'\\xff' * 300_000 + b'\\n0.1 E at last\\n')", "os._exit(1)"], "at last"),
    ],
)
def test_a_child_that_does_not_start_says_why(lines: list[str], words: str) -> None:
    """The first error of its log is told, else what it answers, else how it ended."""
    flush = [line.replace("os._exit(1)", "sys.stderr.flush(); os._exit(1)") for line in lines]
    server = LlamaServer(LAUNCH, fake_worker(*flush))
    with pytest.raises(LlamaFailed) as caught:
        server.load()
    assert str(caught.value).endswith(words)


@pytest.mark.slow
def test_invalid_child_address() -> None:
    """An invalid address from the child is not used."""
    with pytest.raises(LlamaFailed, match="no address"):
        LlamaServer(LAUNCH, fake_worker(address=7)).load()


@pytest.mark.skipif(os.name == "nt", reason="has no such signals")
def test_a_child_that_crashes() -> None:
    """The error names the signal of a crash."""
    server = LlamaServer(LAUNCH, fake_worker("os.kill(os.getpid(), 11)"))
    with pytest.raises(LlamaFailed, match="it ended with SIGSEGV"):
        server.load()


def test_a_program_that_cannot_be_started() -> None:
    """A program that cannot be started is an error of the system."""
    with pytest.raises(FileNotFoundError):
        LlamaServer(LAUNCH, ["/nowhere/at/all"])


@pytest.mark.usefixtures("installed")
def test_a_stop_while_the_model_loads(files: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop is no crash: ``Interrupted`` is raised, and the child ends."""
    started = use_fake_worker(monkeypatch, "time.sleep(60)")
    stop = Stop()

    def stop_it(event: Event) -> None:
        stop.request()

    monkeypatch.setattr(llama, "_EXPLAIN_AFTER", -1.0)
    with pytest.raises(Interrupted):
        llama.open_engine(load_settings(files, environment={}), observer=stop_it, stop=stop)
    assert started[0].has_ended(0)


def use_fake_worker(monkeypatch: pytest.MonkeyPatch, *lines: str, address: object = "") -> list[LlamaServer]:
    """Let engines start that child; all that were started."""
    started: list[LlamaServer] = []

    class Started(LlamaServer):
        def __init__(self, launch: Launch) -> None:
            super().__init__(launch, fake_worker(*lines, address=address))
            started.append(self)

    monkeypatch.setattr(llama, "LlamaServer", Started)
    return started


# --- the engine --------------------------------------------------------------------------------------------


def request() -> Request:
    """A request about page 3."""
    image = PageImage(PageRef("a.pdf", 3), "image/png", encode(picture(3, (320, 400)), "PNG"), 320, 400)
    return Request(Prompt("", (image, "Read."), ChatMarkers()), Sampler(), 400)


@pytest.mark.usefixtures("installed")
def test_engine_speaks_the_childs_dialect(files: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The child's server is used in its dialect, under a name that is the same in every run."""
    with FakeLlama() as fake:
        use_fake_worker(monkeypatch, address=fake.url)
        engine = llama.open_engine(load_settings(files, environment={}))
        assert isinstance(engine, llama.LlamaEngine)
        assert engine.complete(request()).text == page_text(3)
        assert engine.count_tokens("one two") == 3
        assert (engine.server.url, engine.server.kind) == ("gguf:tiny-llama.gguf", "llama.cpp")
        assert {arrival.headers.get("authorization") for arrival in fake.requests} == {f"Bearer {engine.process.key}"}
        engine.cancel()
        engine.close()
        assert engine.process.has_ended(0)


@pytest.mark.usefixtures("installed")
def test_errors_after_the_child_has_ended(files: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """After the child has ended the error has its reason; errors of a living child are unchanged."""
    with FakeLlama() as fake:
        use_fake_worker(monkeypatch, "print('0.1 E out of memory', file=sys.stderr, flush=True)", address=fake.url)
        engine = llama.open_engine(load_settings(files, environment={}))
        assert isinstance(engine, llama.LlamaEngine)
        fake.die()
        engine.process.kill()
        with pytest.raises(ServerError, match="crashed: out of memory"):
            engine.complete(request())
        engine.close()


@pytest.mark.usefixtures("installed")
def test_child_ends_when_its_server_is_unusable(files: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """When the child's server cannot be used the child is ended."""
    with FakeLlama(key="another") as fake:
        started = use_fake_worker(monkeypatch, address=fake.url)
        with pytest.raises(ServerError, match="refuses access"):
            llama.open_engine(load_settings(files, environment={}))
    assert started[0].has_ended(0)


@pytest.mark.slow
@pytest.mark.usefixtures("installed")
def test_failure_names_the_files(files: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A pair that llama.cpp refuses is named, with the reason and what to do."""
    use_fake_worker(monkeypatch, "raise RuntimeError('mismatch')")
    with pytest.raises(ServerError, match=r"cannot run tiny-llama\.gguf with tiny-mmproj\.gguf: mismatch") as caught:
        llama.open_engine(load_settings(files, environment={}))
    assert "belong together" in caught.value.hint


def test_slow_loading_is_announced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message says once that a large model takes its time."""
    monkeypatch.setattr(llama, "_EXPLAIN_AFTER", -1.0)
    events: list[Event] = []
    waiting = llama._explain_wait("large.gguf", events.append)
    waiting()
    waiting()
    assert events == [Notice("loading large.gguf; a large model takes minutes")]
