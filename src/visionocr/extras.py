"""Optional packages (extras): how to install one here, and which systems there are no builds for."""

from __future__ import annotations

import json
import os
import platform
import sys
import sysconfig
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_NAME = "visionocr"
_SYSTEMS = {"Darwin": "macOS"}
"""Names of systems for people, where Python's is another."""


@dataclass(frozen=True, slots=True)
class Builds:
    """The systems that a package has wheels for."""

    package: str
    oldest: Mapping[tuple[str, str], tuple[int, ...]]
    """Oldest version of glibc or macOS by system and processor; empty on Windows."""
    instead: str
    """What does the same, as a sentence."""

    def refuse(self, here: str) -> str:
        """The sentences that say that there is no build for *here*, and what to use instead."""
        return f"{self.package} has no build for {here}. {self.instead}"


BUILDS = {
    "local": Builds(
        "faster-paddle",
        {
            ("Linux", "x86_64"): (2, 34),
            ("Linux", "aarch64"): (2, 28),
            ("Darwin", "arm64"): (11, 0),
            ("Windows", "amd64"): (),
        },
        "A vision model on a server reads everywhere: give its address with --api-url.",
    ),
    "llama": Builds(
        "xllamacpp",
        {
            ("Linux", "x86_64"): (2, 17),
            ("Linux", "aarch64"): (2, 17),
            ("Darwin", "arm64"): (13, 0),
            ("Darwin", "x86_64"): (13, 0),
            ("Windows", "amd64"): (),
        },
        "Start the model in KoboldCpp or llama-server, and give the address with --api-url.",
    ),
}
"""By extra. Source: the names of the wheels of faster-paddle 1.0.4 and xllamacpp 2026.10 on PyPI."""


def install_hint(extra: str, lead: str = "Install it with") -> str:
    """What to do when *extra* is not installed: the command after *lead*, or that there is no build for this system."""
    return explain_missing_build(extra) or f"{lead}: {install_command(extra)}"


def explain_missing_build(extra: str) -> str:
    """Why an *extra* cannot run on this system, and what to do instead; empty where it can, or nothing is known."""
    if extra not in BUILDS:
        return ""
    builds, system, processor = BUILDS[extra], platform.system(), _processor()
    oldest = builds.oldest.get((system, processor))
    version = ""
    if system == "Linux":
        library, version = platform.libc_ver()
        if library != "glibc":
            return builds.refuse("Linux without glibc, such as Alpine")
    elif system == "Darwin":
        version = platform.mac_ver()[0]
    if oldest is None:
        return builds.refuse(f"{_SYSTEMS.get(system, system)} on {processor}")
    if version and _numbers(version) < oldest:
        name = "glibc" if system == "Linux" else "macOS"
        return builds.refuse(f"{name} {version} on {processor}: it needs {'.'.join(map(str, oldest))}")
    return ""


def install_command(extra: str) -> str:
    """The command that adds an *extra* to this installation, with the tool that made it."""
    prefix, (source, is_editable) = _find_environment(), _find_source()
    receipt = prefix / "uv-receipt.toml"
    extras = {*(_read_receipt(receipt) if receipt.is_file() else ()), extra}
    wanted = f'{"-e " if is_editable else ""}"{_add_extras(source, extras)}"'
    if receipt.is_file():
        return f"uv tool install {wanted}"
    if (prefix / "pipx_metadata.json").is_file():
        is_kept = prefix.parent.name == "venvs"
        return f"pipx inject {prefix.name} {wanted}" if is_kept else f"pipx run --spec {wanted} {_NAME}"
    if prefix.parent.name.startswith("archive-v"):  # the cache of uv
        return f"uvx --from {wanted} {_NAME}"
    is_active = str(prefix) in {os.environ.get("VIRTUAL_ENV"), os.environ.get("CONDA_PREFIX")}
    python = f'"{sys.executable}"' if " " in sys.executable else sys.executable
    if find_spec("pip") is None:
        return f"uv pip install {'' if is_active else f'--python {python} '}{wanted}"
    return f"{'pip' if is_active else f'{python} -m pip'} install {wanted}"


def _find_environment() -> Path:
    """The folder of the environment; child processes run without ``site``, and ``sys.prefix`` is another in them."""
    folder = Path(sys.executable).parent.parent
    return folder if (folder / "pyvenv.cfg").is_file() else Path(sys.prefix)


def _find_source() -> tuple[str, bool]:
    """What to install visionocr from, and whether it is an editable clone: its name, a path, or a repository."""
    from urllib.parse import urlsplit
    from urllib.request import url2pathname  # brings an HTTP client

    try:
        text = metadata.distribution(_NAME).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        text = None
    origin: dict[str, Any] = json.loads(text) if text else {}
    url, repository = str(origin.get("url", "")), origin.get("vcs_info")
    if repository:
        revision = repository.get("requested_revision")
        return f"{repository['vcs']}+{url}" + (f"@{revision}" if revision else ""), False
    if url.startswith("file:"):
        return url2pathname(urlsplit(url).path), bool(origin.get("dir_info", {}).get("editable"))
    return url or _NAME, False


def _add_extras(source: str, extras: set[str]) -> str:
    """A requirement of pip's for *source* with *extras*."""
    names = f"[{','.join(sorted(extras))}]"
    return f"{_NAME}{names} @ {source}" if "://" in source else f"{source}{names}"


def _read_receipt(path: Path) -> list[str]:
    """The extras that uv installed with the tool: a new installation without them would remove them."""
    wanted = tomllib.loads(path.read_text("utf-8")).get("tool", {}).get("requirements", ())
    return [extra for one in wanted if one.get("name") == _NAME for extra in one.get("extras", ())]


def _processor() -> str:
    """The processor that this Python is built for, which may be an older one than the machine has."""
    if platform.system() == "Darwin":  # where the other function may answer "universal2"
        return platform.machine()
    return sysconfig.get_platform().rpartition("-")[2]


def _numbers(version: str) -> tuple[int, ...]:
    """A version as numbers to compare; of ``2.36`` 2 and 36."""
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
