"""The llama.cpp dialect and child process with the real server and a tiny model of random weights."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from visionocr import worker_main
from visionocr.engines.dialects import llamacpp, probe
from visionocr.engines.http import Http
from visionocr.engines.llama import Launch, LlamaEngine, LlamaFailed, LlamaServer, open_engine
from visionocr.errors import AnswerUnusable, Interrupted, RequestRefused, ServerError, ServerUnknown
from visionocr.settings import load_settings
from visionocr.types import ChatMarkers, Completion, Event, FinishReason, PageImage, Progress, Prompt, Request, Sampler

pytest.importorskip("xllamacpp", reason="needs the extra [llama]")
pytest.importorskip("gguf", reason="needs the package gguf to write a model")

import tiny_vlm
from real_llama import PATIENCE, count_busy_slots, engine_at, picture, wait_until

pytestmark = pytest.mark.slow

CHAT = ChatMarkers(user_start="<|im_start|>user\n", user_end="<|im_end|>\n", assistant_start="<|im_start|>assistant\n")


def request(*parts: str | PageImage, max_length: int = 40) -> Request:
    """A greedy request."""
    return Request(Prompt("", parts or (picture("red"), "What is this?"), CHAT), Sampler(), max_length)


# --- a running server --------------------------------------------------------------------------------------


def test_probe(llama_server: Http, endless_llama_server: Http) -> None:
    """Everything that a client must know is found, and agrees with how the server was started."""
    server = engine_at(llama_server).server
    assert (server.dialect, server.kind, server.model) == ("llamacpp", "llama-server", "tiny-llama")
    assert (server.vision, server.context_length, server.slots) == (True, 2048, 1)
    assert server.marker.startswith("<__media")
    other = engine_at(endless_llama_server).server
    assert (other.context_length, other.slots) == (32768, 2)
    assert other.marker != server.marker


def test_the_answer_depends_on_the_picture(llama_server: Http) -> None:
    """Greedy answers differ for two pictures and agree for the same one; token counts include each picture."""
    engine = engine_at(llama_server)

    def answer(colour: str) -> Completion:
        return engine.complete(request(picture(colour), "What is this?"))

    red, blue = answer("red"), answer("blue")
    assert red.text != blue.text
    assert red.text == answer("red").text
    assert red.prompt_tokens is not None
    assert red.text_tokens is not None
    assert tiny_vlm.IMAGE_TOKENS <= red.prompt_tokens - red.text_tokens <= tiny_vlm.IMAGE_TOKENS + 2
    two = engine.complete(request(picture("red"), "and", picture("blue"), "What is this?")).prompt_tokens
    assert two is not None
    assert two - red.prompt_tokens >= tiny_vlm.IMAGE_TOKENS


def test_text_is_counted_as_the_server_counts(llama_server: Http) -> None:
    """A prompt without a picture has exactly the tokens that were counted before."""
    completion = engine_at(llama_server).complete(request("What is this? <|im_end|> äöü"))
    assert completion.prompt_tokens == completion.text_tokens


def test_media_markers_in_a_prompt_are_no_pictures(llama_server: Http) -> None:
    """A prompt that holds the marker itself has still only its one picture."""
    engine = engine_at(llama_server)
    marker = engine.server.marker
    words = f"What is {marker} this <__media__> <__image__> [img-1]?"
    assert engine.complete(request(picture("red"), words)).text


def test_length_limit(llama_server: Http, endless_llama_server: Http) -> None:
    """An answer that reaches its limit has the finish reason ``length``."""
    completion = engine_at(endless_llama_server).complete(request(max_length=5))
    assert (completion.finish_reason, completion.completion_tokens) == (FinishReason.LENGTH, 5)
    assert engine_at(llama_server).complete(request(max_length=1500)).finish_reason is FinishReason.STOP


def test_overlong_prompt(llama_server: Http) -> None:
    """A prompt over the context is refused in the server's words, with a remedy."""
    with pytest.raises(RequestRefused, match="exceeds the available context size") as caught:
        engine_at(llama_server).complete(request(picture("red"), "the " * 3000))
    assert "--max-side" in caught.value.hint


def test_broken_picture(llama_server: Http) -> None:
    """A picture that cannot be decoded is refused; the next request is served."""
    engine = engine_at(llama_server)
    broken = replace(picture("red"), data=b"\x89PNG\r\n\x1a\n broken")
    with pytest.raises(RequestRefused, match="Failed to load image"):
        engine.complete(request(broken, "What is this?"))
    assert engine.complete(request()).text


@pytest.mark.parametrize("key", [None, "wrong"])
def test_wrong_key(llama_server: Http, key: str | None) -> None:
    """Requests without the right key are refused."""
    with pytest.raises(ServerUnknown, match="Invalid API Key"):
        probe(Http(llama_server.base, key))


def test_marker_of_an_earlier_start(llama_server: Http) -> None:
    """The server complains of a marker that is not its own; then it is asked for the new one, and answers."""
    engine = engine_at(llama_server)
    right = engine.server.marker
    engine.server = replace(engine.server, marker="<__media_of_yesterday__>")
    completion = engine.complete(request())
    assert (completion.retries, engine.server.marker) == (1, right)


def test_progress_and_the_longest_time(endless_llama_server: Http) -> None:
    """The text is seen as it grows; what takes longer than it may is stopped, kept, and no slot goes on."""
    events: list[Event] = []
    completion = engine_at(endless_llama_server, events=events, max_time=4.0).complete(request(max_length=30_000))
    assert completion.finish_reason in (FinishReason.TIME, FinishReason.LOOP)
    assert len(completion.text.split()) > 10
    grown = [event.characters for event in events if isinstance(event, Progress)]
    assert grown == sorted(grown)
    assert grown[-1] > 0
    wait_until(lambda: count_busy_slots(endless_llama_server) == 0, "the slot goes on for nobody")


def test_slots_at_once_and_cancel(endless_llama_server: Http) -> None:
    """Two slots work at the same time; a run that is stopped frees both at once."""
    engine = engine_at(endless_llama_server)
    assert llamacpp.LlamaServer().is_idle(endless_llama_server)
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(engine.complete, request(picture(c), "?", max_length=30_000)) for c in ("red", "blue")]
        wait_until(lambda: count_busy_slots(endless_llama_server) == 2, "the requests do not run at once")
        assert not llamacpp.LlamaServer().is_idle(endless_llama_server)
        engine.cancel()
        wait_until(lambda: count_busy_slots(endless_llama_server) == 0, "the slots go on for nobody")
        for one in asked:
            with pytest.raises((Interrupted, AnswerUnusable)):
                one.result(PATIENCE)


def test_command(llama_server: Http, tmp_path: Path) -> None:
    """``visionocr image`` reads pictures through it, and proves in its output that they were used."""
    for colour in ("red", "blue"):
        (tmp_path / f"{colour}.png").write_bytes(picture(colour).data)
    done = command(
        *("image", str(tmp_path / "red.png"), str(tmp_path / "blue.png"), "--api-url", llama_server.base),
        *("--format", "jsonl", "--max-asks", "1", "--keep-blank", "--preset", "chatml"),
        key=llama_server.key,
    )
    assert done.returncode in (0, 7), done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [result["document"] for result in results] == [str(tmp_path / "red.png"), str(tmp_path / "blue.png")]
    assert len({result["text"] for result in results}) == 2
    assert not any(finding["kind"] == "image-not-used" for result in results for finding in result["findings"])
    assert results[0]["model"] == "tiny-llama"


# --- a model run as a child process ------------------------------------------------------------------------


def command(*arguments: str, key: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program as people do."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VISIONOCR_")}
    return subprocess.run(
        [sys.executable, "-m", "visionocr", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**environment, "NO_COLOR": "1"} | ({"VISIONOCR_API_KEY": key} if key else {}),
        check=False,
    )


def pair_options(tiny_pair: tiny_vlm.Pair) -> tuple[str, ...]:
    """The options that name the pair."""
    return "--gguf", str(tiny_pair.model), "--mmproj", str(tiny_pair.projector), "--threads", "1"


def test_describe_without_a_server(tiny_pair: tiny_vlm.Pair, tmp_path: Path) -> None:
    """Two files and a picture are enough for a caption, on standard output and without llama.cpp's own words."""
    (tmp_path / "a.png").write_bytes(picture("red").data)
    done = command("describe", *pair_options(tiny_pair), str(tmp_path / "a.png"), "--keep-blank", "--max-asks", "1")
    assert done.returncode in (0, 7), done.stderr
    assert "llama.cpp at gguf:tiny-llama.gguf (dialect llamacpp), model tiny-llama" in done.stderr
    assert "load_model" not in done.stderr + done.stdout
    assert done.stdout.strip()


def test_check_without_a_server(tiny_pair: tiny_vlm.Pair) -> None:
    """``check`` looks at the pair as at a server."""
    done = command("check", *pair_options(tiny_pair), "--no-chart")
    assert done.returncode == 0, done.stdout
    assert "the model can see pictures" in done.stdout


def test_pair_that_does_not_fit(tiny_pair: tiny_vlm.Pair, tmp_path: Path) -> None:
    """A projector of another width is refused before it is loaded; llama.cpp would refuse it too, with its reason."""
    wide = tmp_path / "wide.gguf"
    tiny_vlm.write_projector(wide, width=96)
    (tmp_path / "a.png").write_bytes(picture("red").data)
    done = command("image", str(tmp_path / "a.png"), "--gguf", str(tiny_pair.model), "--mmproj", str(wide))
    assert done.returncode == 3
    assert "the projector puts out 96 numbers a token, the model takes 64" in done.stderr
    assert "Traceback" not in done.stderr
    with pytest.raises(LlamaFailed, match=r"mismatch between text model \(n_embd = 64\) and mmproj \(n_embd = 96\)"):
        LlamaServer(Launch(str(tiny_pair.model), str(wide), 2048)).load()


def test_broken_model(tiny_pair: tiny_vlm.Pair, tmp_path: Path) -> None:
    """A model that is not there completely is refused with llama.cpp's reason, should nobody have looked before."""
    half = tmp_path / "half.gguf"
    half.write_bytes(tiny_pair.model.read_bytes()[:300_000])
    with pytest.raises(LlamaFailed, match="corrupted or incomplete"):
        LlamaServer(Launch(str(half), str(tiny_pair.projector), 2048)).load()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_child_ends_with_the_program(tiny_pair: tiny_vlm.Pair, tmp_path: Path, number: signal.Signals) -> None:
    """However the program ends, the model's process ends with it; the key is in no process's arguments."""
    model = tiny_pair.model.with_name("endless-alone.gguf")
    tiny_vlm.write_model(model, trained_context=65536, endless=True)
    (tmp_path / "a.png").write_bytes(picture("red").data)
    program = subprocess.Popen(
        [
            *(sys.executable, "-m", "visionocr", "image", str(tmp_path / "a.png"), "--keep-blank"),
            *("--gguf", str(model), "--mmproj", str(tiny_pair.projector), "--threads", "1"),
            *("--context", "65536", "--max-length", "30000"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert program.stderr is not None
    try:
        assert b"llama.cpp at gguf:" in program.stderr.readline()
        (child,) = children(program.pid)
        assert command_line(child)[1:] == ["-I", "-S", worker_main.__file__]
        program.send_signal(number)
        assert program.wait(PATIENCE) == (130 if number is not signal.SIGKILL else -signal.SIGKILL)
        wait_until(lambda: not is_alive(child), "the model's process goes on")
    finally:
        program.kill()
        program.stderr.close()
        program.wait()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_end_while_the_model_loads(tiny_pair: tiny_vlm.Pair) -> None:
    """A parent that is killed while the library holds the interpreter leaves no child either."""
    program = (
        "import os, signal, sys\n"
        "from visionocr.engines.llama import Launch, LlamaFailed, LlamaServer\n"
        f"server = LlamaServer(Launch({str(tiny_pair.model)!r}, {str(tiny_pair.projector)!r}, 2048))\n"
        "print(server.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, timeout=PATIENCE, check=False)
    wait_until(lambda: not is_alive(int(done.stdout)), "the model's process goes on")


def children(parent: int) -> list[int]:
    """The processes that *parent* started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := process_status(int(entry.name))) and fields[1] == str(parent):
            found.append(int(entry.name))
    return found


def process_status(process: int) -> list[str]:
    """State, parent and the other fields that the system has of a process; empty when it is gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def is_alive(process: int) -> bool:
    """Whether a process still runs."""
    return process_status(process)[:1] not in ([], ["Z"])


def command_line(process: int) -> list[str]:
    """The arguments that a process was started with."""
    return Path(f"/proc/{process}/cmdline").read_text().rstrip("\0").split("\0")


def test_a_dead_child_ends_the_run(tiny_pair: tiny_vlm.Pair) -> None:
    """When the model's process dies the run ends with the reason, without waiting for it."""
    settings = load_settings(
        {"gguf": str(tiny_pair.model), "mmproj": str(tiny_pair.projector), "threads": 1}, environment={}
    )
    engine = open_engine(settings)
    assert isinstance(engine, LlamaEngine)
    try:
        assert engine.complete(request()).text
        engine.process.kill()
        with pytest.raises(ServerError, match="crashed: it ended with SIGKILL"):
            engine.complete(request())
    finally:
        engine.close()
