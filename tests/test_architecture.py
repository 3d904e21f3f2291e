"""The architecture: imports go down, every library has one home, nobody but the doors prints."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "visionocr"
LAYERS = (
    {"types", "errors"},
    {"text", "speed"},
    {"validation"},
    {"prompting", "answers"},
    {"worker_main"},
    {"workers", "stop", "settings", "console"},
    {"gguf", "output", "documents"},
    {"engines"},
    {"server_info", "vision_check"},
    {"asking"},
    {"reader"},
    {"job"},
    {"check", "cluster"},
    {"cli", "api"},
    {"__init__", "__main__"},
)
HOMES = {
    "pymupdf": {"documents/pdf.py"},
    "msgspec": {"output/state.py", "types.py", "validation.py"},
    "PIL": {"check/chart_image.py", "documents/blank.py", "documents/images.py"},
    "requests": {"engines/http.py", "engines/connection.py"},
    "distributed": {"cluster/scheduler.py", "cluster/worker.py"},
    "dask": {"cluster/scheduler.py", "cluster/worker.py"},
    "faster_paddle": {"engines/local_worker.py"},
    "xllamacpp": {"engines/llama_worker.py"},
    "rapidocr": {"engines/local_worker.py"},
    "rich": {"console.py"},
    "sqlite3": {"output/database.py"},
    "filelock": {"output/database.py"},
    "typer": {
        *("cli/app.py", "cli/check.py", "cli/gguf.py", "cli/options.py", "cli/outcome.py", "cli/presets.py"),
        "cli/run.py",
    },
}
WRITERS = {"output/writer.py", "console.py", "worker_main.py", "workers.py"}
MODULES = sorted(SOURCE.rglob("*.py"))
NAMES = [path.relative_to(SOURCE).as_posix() for path in MODULES]


def package(module: str) -> str:
    """The folder or file of ours that holds a dotted module name, or a path below the source folder."""
    return module.split("/")[0].removesuffix(".py")


def layer(name: str) -> int:
    """The floor of a room."""
    return next(number for number, rooms in enumerate(LAYERS) if name in rooms)


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            # ``from visionocr import x`` names a module where there is one
            ours = node.module == "visionocr"
            yield from (f"visionocr.{alias.name}" for alias in node.names) if ours else [node.module or ""]


@pytest.mark.parametrize("name", NAMES)
def test_imports_go_down(name: str) -> None:
    """A module imports floors below its own and its own room, nothing else of ours."""
    own = package(name)
    for module in imports(SOURCE / name):
        if not module.startswith("visionocr.") or module.startswith(("visionocr.__version__", "visionocr.prompts")):
            continue
        other = module.split(".")[1]
        assert other == own or layer(other) < layer(own), f"{name} imports {module}"


@pytest.mark.parametrize("name", NAMES)
def test_every_library_has_one_home(name: str) -> None:
    """Third-party packages are imported in the files that are their homes only, and Click never: Typer vendors it."""
    for module in imports(SOURCE / name):
        package = module.split(".")[0]
        assert package not in {"click", "fitz"}
        assert package not in HOMES or name in HOMES[package], f"{name} imports {module}"


@pytest.mark.parametrize("name", NAMES)
def test_only_the_doors_and_the_writer_touch_standard_output(name: str) -> None:
    """``print`` is used nowhere; ``sys.stdout`` in the doors, the writer, and where a terminal is looked for."""
    tree = ast.parse((SOURCE / name).read_text("utf-8"))
    for node in ast.walk(tree):
        assert not (isinstance(node, ast.Name) and node.id == "print"), f"{name}:{node.lineno} prints"
        if isinstance(node, ast.Attribute) and node.attr == "stdout" and isinstance(node.value, ast.Name):
            allowed = package(name) in {"cli", "__main__"} or name in WRITERS
            assert allowed, f"{name}:{node.lineno} uses {node.value.id}.stdout"


@pytest.mark.parametrize("name", NAMES)
def test_rules_and_words_do_no_input_or_output(name: str) -> None:
    """The lowest layers import nothing that reads or writes files, processes or networks."""
    if layer(package(name)) > 3 or name in {"prompting/library.py", "answers/phrases.py"}:
        return  # these two load what stands under prompts/
    outside = {
        *("os", "io", "importlib", "pathlib", "socket", "subprocess"),
        *("sys", "tempfile", "shutil", "urllib", "http"),
    }
    for module in imports(SOURCE / name):
        assert module.split(".")[0] not in outside, f"{name} imports {module}"


def test_every_room_has_a_layer() -> None:
    """No module stands outside the house."""
    assert {package(name) for name in NAMES} == set().union(*LAYERS)


@pytest.mark.parametrize("name", NAMES)
def test_files_stay_small(name: str) -> None:
    """A file that outgrows 300 lines holds more than its name says; the words are a list and may be longer."""
    assert name == "types.py" or len((SOURCE / name).read_text("utf-8").splitlines()) <= 300
