"""``visionocr gguf`` as people use it: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

import weights
from visionocr.cli.app import app

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command in the folder of the files: its exit code, standard output and standard error."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)

    def run_it(*arguments: str) -> tuple[int, str, str]:
        result = CliRunner().invoke(app, ["gguf", *arguments])
        return result.exit_code, result.stdout, result.stderr

    return run_it


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A model, its projector, and a projector of another width."""
    weights.model(tmp_path / "Qwen2.5-VL-7B.gguf", "qwen2vl", 3584, template=weights.CHATML, general__name="Qwen VL")
    weights.projector(tmp_path / "mmproj.gguf", "qwen2.5vl_merger", {"mm.2.bias": (3584,)})
    weights.projector(tmp_path / "small.gguf", "qwen2.5vl_merger", {"mm.2.bias": (2048,)})
    return tmp_path


def test_a_pair(run: Run, files: Path) -> None:
    """Facts of both files, the preset and why, the verdict, and the command; exit code 0."""
    code, out, err = run("Qwen2.5-VL-7B.gguf", "mmproj.gguf")
    assert (code, err) == (0, "")
    for words in (
        "architecture qwen2vl",
        "quantization Q4_K_M",
        "context      32768 tokens",
        "template     ChatML",
        "preset       qwen2.5-vl: the model's name 'Qwen2.5-VL-7B' says so",
        "type         qwen2.5vl_merger",
        "2014 for an A4 page at most; 962 in KoboldCpp without --visionmaxres",
        "verdict    fits: width and kind agree",
        "start      koboldcpp --model Qwen2.5-VL-7B.gguf --mmproj mmproj.gguf --contextsize 8192 --visionmaxres 2048\n",
        "needs KoboldCpp 1.90.1 or newer",
    ):
        assert words in out
    assert out.count("width        3584") == 2


def test_a_pair_that_cannot_load(run: Run, files: Path) -> None:
    """Exit code 3, the reason on standard output, and no command to start it."""
    code, out, err = run("Qwen2.5-VL-7B.gguf", "small.gguf")
    assert (code, err) == (3, "")
    assert "verdict    cannot load: the projector puts out 2048 numbers a token, the model takes 3584" in out
    assert "koboldcpp --model" not in out


def test_one_file(run: Run, files: Path) -> None:
    """A model alone is described and told where its projector is found; a projector alone is described."""
    code, out, _ = run("Qwen2.5-VL-7B.gguf")
    assert code == 0
    assert "projector  none given" in out
    code, out, _ = run("mmproj.gguf")
    assert code == 0
    assert out.startswith("projector  mmproj.gguf\n  type         qwen2.5vl_merger\n")


def test_a_preset_that_the_file_name_does_not_tell(run: Run, files: Path) -> None:
    """Where a server's model name would not lead to the preset, the option that does is named."""
    (files / "Qwen2.5-VL-7B.gguf").rename(files / "ggml-model.gguf")
    assert "give --preset qwen2.5-vl, the file's name does not show it" in run("ggml-model.gguf", "mmproj.gguf")[1]


def test_fixed_encoders_are_warned_of(run: Run, tmp_path: Path) -> None:
    """For an encoder of 336 px it is said that a page cannot be read."""
    weights.model(tmp_path / "llava-v1.5-7b.gguf")
    weights.mlp(tmp_path / "mmproj.gguf")
    out = run("llava-v1.5-7b.gguf", "mmproj.gguf")[1]
    assert "576, whatever the picture" in out
    assert "too coarse for a page of print" in out


def test_json(run: Run, files: Path) -> None:
    """One object with verdict, reason, facts, preset and the command as a list."""
    code, out, _ = run("Qwen2.5-VL-7B.gguf", "mmproj.gguf", "--json")
    report = json.loads(out)
    assert code == 0
    assert list(report) == ["fit", "reason", "notes", "preset", "model", "projector", "command"]
    assert (report["fit"], report["preset"]["name"]) == ("fits", "qwen2.5-vl")
    assert report["model"]["width"] == report["projector"]["width"] == 3584
    assert report["command"][:3] == ["koboldcpp", "--model", "Qwen2.5-VL-7B.gguf"]
    report = json.loads(run("Qwen2.5-VL-7B.gguf", "small.gguf", "--json")[1])
    assert (report["fit"], report["command"]) == ("cannot-load", None)
    assert json.loads(run("mmproj.gguf", "--json")[1])["projector"]["type"] == "qwen2.5vl_merger"


def test_a_folder(run: Run, files: Path) -> None:
    """Every model with its best projector and the command; what is left over is named; exit code 0."""
    code, out, err = run(".")
    assert (code, err) == (0, "")
    assert "  projector    mmproj.gguf\n  verdict      fits" in out
    assert "  start        koboldcpp --model Qwen2.5-VL-7B.gguf --mmproj mmproj.gguf" in out
    assert "projector  small.gguf: no model's first choice here" in out
    report = json.loads(run(".", "--json")[1])
    assert [(pair["projector"], pair["fit"]) for pair in report["pairs"]] == [
        ("mmproj.gguf", "fits"),
        ("small.gguf", "cannot-load"),
    ]


def test_a_folder_with_a_broken_file(run: Run, files: Path) -> None:
    """The rest is reported; the broken file is a warning, and the exit code 3."""
    (files / "broken.gguf").write_bytes(b"GGUF\3")
    code, out, err = run(".")
    assert code == 3
    assert "verdict      fits" in out
    assert "broken.gguf ends in the middle of its header" in err


def test_a_folder_without_a_pair(run: Run, files: Path) -> None:
    """When no model can be loaded with any projector, the exit code is 3, and the reason is told."""
    (files / "mmproj.gguf").unlink()
    code, out, _ = run(".")
    assert code == 3
    assert "none that can be loaded with it: the projector puts out 2048" in out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["none.gguf"], 3, "there is no file none.gguf"),
        (["mmproj.gguf", "Qwen2.5-VL-7B.gguf"], 3, "mmproj.gguf is a projector, not a language model"),
        (["Qwen2.5-VL-7B.gguf", "Qwen2.5-VL-7B.gguf"], 3, "is not a projector"),
        ([".", "mmproj.gguf"], 2, "a projector cannot be given with a folder"),
        (["empty"], 3, "there are no GGUF files in empty"),
        ([], 2, "missing argument 'MODEL'"),
    ],
)
def test_mistakes(run: Run, files: Path, arguments: list[str], code: int, words: str) -> None:
    """Each mistake is told in a line, with its code, and nothing is on standard output."""
    (files / "empty").mkdir()
    ended, out, err = run(*arguments)
    assert (ended, out) == (code, "")
    assert f"error: {words}" in err or words in err
    assert "Traceback" not in err


@pytest.mark.skipif(os.name == "nt", reason="names of POSIX")
def test_nothing_steers_the_terminal(run: Run, tmp_path: Path) -> None:
    """Names of files and in headers that hold control characters become harmless, in the command too."""
    evil = "\x1b]0;title\x07\x1b[31m"
    folder = tmp_path / "evil"
    folder.mkdir()
    model = weights.model(folder / f"llava-v1.5-7b{evil}.gguf", general__name=evil * 99)
    projector = weights.mlp(folder / f"mmproj{evil}.gguf", general__name=evil)
    (folder / f"broken{evil}.gguf").write_bytes(b"")
    said = "".join(run("evil")[1:]) + "".join(run(str(model), str(projector))[1:])
    assert "\x1b" not in said
    assert "\x07" not in said
    start = next(line for line in said.splitlines() if line.startswith("start "))
    script = 'koboldcpp() { printf "%s\\0" "$@"; }; ' + start.removeprefix("start").strip()
    echoed = subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout.split(b"\0")
    assert echoed[1:4:2] == [os.fsencode(model), os.fsencode(projector)]


def test_headers_are_read_without_heavy_libraries(files: Path) -> None:
    """Reading model files needs no library but those of Python."""
    script = (
        "import sys; from pathlib import Path; from visionocr.gguf.compatibility import examine_pair; "
        "examine_pair(Path('Qwen2.5-VL-7B.gguf'), Path('mmproj.gguf')); print(*{n.split('.')[0] for n in sys.modules})"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True, cwd=files)
    assert not {"numpy", "gguf", "requests", "pymupdf", "PIL", "rich", "typer"} & set(ran.stdout.split())
