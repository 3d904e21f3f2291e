"""The package: a complete wheel, the public names, and an import without heavy libraries."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def loaded_by(statement: str) -> set[str]:
    """The top-level packages that a statement brings into a fresh interpreter."""
    script = f"import sys; {statement}; print(*{{name.split('.')[0] for name in sys.modules}})"
    return set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout.split()
    )


def test_import_loads_no_library() -> None:
    """``import visionocr`` loads none of the libraries; public names are imported on first use."""
    heavy = {"typer", "rich", "requests", "pymupdf", "PIL", "numpy", "faster_paddle"}
    assert not loaded_by("import visionocr") & heavy
    assert not loaded_by("import visionocr; visionocr.Settings, visionocr.PageResult") & heavy


def test_public_names_exist() -> None:
    """Every name in ``__all__`` exists, and nothing else is public."""
    import visionocr

    assert all(getattr(visionocr, name) is not None for name in visionocr.__all__)
    with pytest.raises(AttributeError):
        visionocr.nothing  # noqa: B018


@pytest.mark.source_tree
def test_every_package_is_listed_for_the_wheel() -> None:
    """The list of packages has every folder with files: an editable installation does not show what a wheel lacks."""
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    files = [path.relative_to(ROOT / "src") for path in (ROOT / "src/visionocr").rglob("*") if path.is_file()]
    files += [Path("visionocr") / path.relative_to(ROOT) for path in (ROOT / "prompts").rglob("*") if path.is_file()]
    assert set(packed) == {".".join(path.parent.parts) for path in files if "__pycache__" not in path.parts}


@pytest.mark.slow
@pytest.mark.source_tree
def test_the_wheel_holds_what_the_program_needs(tmp_path: Path) -> None:
    """A built wheel has every module, every preset and task, the type marker and the licence."""
    source = tmp_path / "source"  # a build leaves its own files behind, and finds those of the last one
    for name in ("src", "prompts"):
        shutil.copytree(ROOT / name, source / name)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(source)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {
        f"visionocr/{path.relative_to(ROOT / 'src/visionocr').as_posix()}" for path in (ROOT / "src").rglob("*.py")
    }
    data = {
        f"visionocr/prompts/{path.relative_to(ROOT / 'prompts').as_posix()}"
        for pattern in ("*.toml", "*.md", "__init__.py")
        for path in (ROOT / "prompts").rglob(pattern)
    }
    static = {f"visionocr/review/static/{path.name}" for path in (ROOT / "src/visionocr/review/static").iterdir()}
    assert modules | data | static | {"visionocr/py.typed"} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"visionocr"}  # no tests


@pytest.mark.slow
@pytest.mark.source_tree
@pytest.mark.skipif(not (ROOT / ".git").exists() or not shutil.which("git"), reason="needs the repository")
def test_the_sdist_holds_every_file(tmp_path: Path) -> None:
    """A source distribution has every file of the repository, with tests and examples; its build warns of nothing."""
    source = tmp_path / "source"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(source)], check=True)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=source, check=True, capture_output=True, text=True).stdout
    build = [sys.executable, "-m", "build", "--sdist", "--outdir", str(tmp_path), str(source)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    built = subprocess.run(build, check=True, capture_output=True, text=True, env=environment)
    said = built.stdout + built.stderr
    assert "!!" not in said
    assert not re.search(r"\bwarning\b", said, re.IGNORECASE)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        packed = {member.name.partition("/")[2] for member in tar if member.isfile()}
    assert set(filter(None, listed.split("\0"))) <= packed
