"""The architecture: imports go down, every library has one home, only entry points and writers print."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src" / "visionocr"
LAYERS = (
    {"boxes", "choices", "errors"},
    {"blocks", "escaping", "evidence"},
    {"types", "placed"},
    {"text", "speed", "extras"},
    {"validation"},
    {"layout"},
    {"prompting", "answers"},
    {"formats", "extraction"},
    {"captions"},
    {"worker_main"},
    {"workers", "stop", "settings", "console", "paths"},
    {"output", "documents"},
    {"gguf"},
    {"engines", "evaluation", "metadata", "watching"},
    {"server_info", "vision_check", "shape_check"},
    {"checking", "loaded", "page_answer", "transcript"},
    {"upright", "part_joints"},
    {"asking", "record_answer"},
    {"reader", "extracting"},
    {"job", "captioning"},
    {"check", "cluster", "figure_describer", "extraction_job", "caption_job", "review"},
    {"cli", "api"},
    {"__init__", "__main__"},
)
HOMES = {
    "pymupdf": {
        *("documents/hidden_content.py", "documents/layer_removal.py", "documents/page_drawing.py"),
        *("documents/pdf.py", "documents/pdf_figures.py", "documents/picture_pdf.py", "documents/searchable.py"),
        *("documents/text_layer.py",),
    },
    "msgspec": {
        *("documents/raster_worker.py", "documents/searchable_worker.py", "documents/text_layer.py"),
        *("output/page_parts.py", "output/state.py", "types.py", "validation.py"),
    },
    "PIL": {
        *("check/chart_image.py", "documents/blank.py", "documents/camera_raw.py", "documents/conversion.py"),
        *("documents/images.py", "documents/print_runs.py", "documents/tiff.py"),
    },
    "jsonschema": {"extraction/validate.py"},
    "pyexiv2": {"metadata/picture.py"},
    "referencing": {"extraction/validate.py"},
    "markdown_it": {"formats/markdown_reader.py", "output/containment.py", "review/rendering.py"},
    "rawpy": {"documents/camera_raw.py"},
    "requests": {"engines/http.py", "engines/connection.py"},
    "distributed": {"cluster/scheduler.py", "cluster/worker.py"},
    "dask": {"cluster/scheduler.py", "cluster/worker.py"},
    "faster_paddle": {"engines/local_worker.py"},
    "xllamacpp": {"engines/llama_worker.py"},
    "rapidocr": {"engines/local_worker.py"},
    "rapidfuzz": {"evaluation/scores.py"},
    "rich": {"console.py"},
    "sqlite3": {"output/database.py"},
    "filelock": {"output/database.py"},
    "typer": {
        *(
            "cli/app.py",
            "cli/caption_options.py",
            "cli/check.py",
            "cli/eval.py",
            "cli/export.py",
            "cli/extract.py",
            "cli/gguf.py",
            "cli/options.py",
            "cli/outcome.py",
            "cli/presets.py",
            "cli/review.py",
            "cli/watch.py",
        ),
        "cli/run.py",
    },
}
WRITERS = {"output/stdout.py", "console.py", "worker_main.py", "workers.py"}
MODULES = sorted(SOURCE.rglob("*.py"))
NAMES = [path.relative_to(SOURCE).as_posix() for path in MODULES]


def package_of(module: str) -> str:
    """The top-level package or module of a dotted module name, or of a path below the source folder."""
    return module.split("/")[0].removesuffix(".py")


def layer_of(name: str) -> int:
    """The number of a package's layer, counted from the lowest."""
    return next(number for number, names in enumerate(LAYERS) if name in names)


@cache
def parse(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text("utf-8"))


def all_imports() -> Iterator[tuple[str, str]]:
    """Every import of the program: the file and the module that it imports."""
    return ((name, module) for name in NAMES for module in imports(SOURCE / name))


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, anywhere in it."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            # ``from visionocr import x`` names a module where there is one
            ours = node.module == "visionocr"
            yield from (f"visionocr.{alias.name}" for alias in node.names) if ours else [node.module or ""]


def test_imports_go_down() -> None:
    """A module imports lower layers and its own package only."""
    for name, module in all_imports():
        if not module.startswith("visionocr.") or module.startswith(("visionocr.__version__", "visionocr.prompts")):
            continue
        own, other = package_of(name), module.split(".")[1]
        assert other == own or layer_of(other) < layer_of(own), f"{name} imports {module}"


def test_every_library_has_one_home() -> None:
    """Third-party packages are imported in the files listed for them only, and Click never: Typer vendors it."""
    for name, module in all_imports():
        library = module.split(".")[0]
        assert library not in {"click", "fitz"}
        assert library not in HOMES or name in HOMES[library], f"{name} imports {module}"


def test_only_entry_points_and_writers_use_standard_output() -> None:
    """``print`` is used nowhere; ``sys.stdout`` only in entry points, writers and where a terminal is detected."""
    for name, node in ((path, node) for path in NAMES for node in ast.walk(parse(SOURCE / path))):
        assert not (isinstance(node, ast.Name) and node.id == "print"), f"{name}:{node.lineno} prints"
        if isinstance(node, ast.Attribute) and node.attr == "stdout" and isinstance(node.value, ast.Name):
            allowed = package_of(name) in {"cli", "__main__"} or name in WRITERS
            assert allowed, f"{name}:{node.lineno} uses {node.value.id}.stdout"


def test_low_layers_do_no_input_or_output() -> None:
    """The lowest layers import nothing that reads or writes files, processes or networks."""
    # Two load what stands under prompts/; the third looks at the installation, for hints in all layers.
    excepted = {"prompting/library.py", "answers/phrases.py", "extras.py"}
    outside = {
        *("os", "io", "importlib", "pathlib", "socket", "subprocess"),
        *("sys", "tempfile", "shutil", "urllib", "http"),
    }
    for name, module in all_imports():
        if name not in excepted and layer_of(package_of(name)) <= layer_of("captions"):
            assert module.split(".")[0] not in outside, f"{name} imports {module}"


def test_every_package_has_a_layer() -> None:
    """``LAYERS`` lists exactly the packages and modules that exist."""
    assert {package_of(name) for name in NAMES} == set().union(*LAYERS)


def test_files_stay_small() -> None:
    """No file has more than 300 lines, except ``types.py``, which is a list."""
    lengths = {name: len((SOURCE / name).read_text("utf-8").splitlines()) for name in NAMES if name != "types.py"}
    assert {name: length for name, length in lengths.items() if length > 300} == {}
