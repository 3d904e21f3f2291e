"""A folder with one output file for each document, never outside of it, never twice, never over a file of others.

The folder's state remembers which file was written from which document, and for a document of which every page is good
also what the document was then. So a repeated run knows what is done without opening it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from visionocr.errors import OutputError
from visionocr.output.files import remove_leftovers
from visionocr.output.state import State
from visionocr.output.writer import SeveralSinks, Sink
from visionocr.paths import path_key
from visionocr.types import FileSignature, PageRef, PageResult, Status

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Origin:
    """The file that a document was read from."""

    signature: FileSignature
    """How it was before it was opened."""
    below: str = ""
    """The folder that it was found in, relative to the one that was named."""
    stem: str = ""
    """What its other outputs are called, without their suffixes, where it has any."""


@dataclass(frozen=True, slots=True)
class OutputKind:
    """A kind of output file."""

    suffix: str
    """With its dot."""
    make: Callable[[Path, PageRef], Sink]
    """Makes the sink of a document's file, given its path and the first page that will come."""


class FolderSink(Sink):
    """One file for each document, each complete or not there, in subfolders as the documents were found.

    *state* is the folder's. *job* stands for everything that an output depends on but its document: what another job
    wrote is not complete.
    """

    def __init__(
        self, folder: Path, kinds: Sequence[OutputKind], state: State, job: str = "", *, by_content: bool = False
    ) -> None:
        """*kinds*: the files that each document gets; the first has to be one file a document.

        *by_content*: a document is known by its name and its digest and not by its path, where another one may lie the
        next time. What was written from the one before stays then.
        """
        self.folder = folder
        self._kinds = kinds
        self._suffix = kinds[0].suffix
        self._state = state
        self._job = job
        self._by_content = by_content
        self._numbers: dict[str, int] = {}
        """By stem: the next number to try for one more document of that name."""
        self._taken: set[int] = set()
        """Hashes of the names of this run."""
        self._swept: set[Path] = set()
        """Folders without leftovers of killed runs."""
        self._origins: dict[str, Origin] = {}
        """Of the documents that are under way, by name."""
        self._document: tuple[str, str] | None = None
        """Name and digest of the one being written: two documents may have the same name."""
        self._path = folder
        """Of its first file."""
        self._sink: Sink | None = None
        self._is_good = True
        """Whether all its pages are."""

    def expect(self, document: str, origin: Origin) -> None:
        """The pages of *document*, a file, will come."""
        self._origins[document] = origin

    def renew(self, document: str, signature: FileSignature) -> None:
        """The file of *document*, which is under way, was changed by this run, and is now so."""
        if (origin := self._origins.get(document)) is not None:
            self._origins[document] = replace(origin, signature=signature)

    def write(self, result: PageResult) -> None:
        """Add one page to its document's file; a new document finishes the one before.

        A document that could not be opened gets no file: an empty one would look like a result.
        """
        document = result.page.document, result.page.digest
        if document != self._document:
            if result.page.number == 0:
                self._origins.pop(document[0], None)
                return
            self.finish()
            path = self.path_for(*document, self._origins.get(document[0]))
            if path.parent not in self._swept:
                self._swept.add(path.parent)
                remove_leftovers(path.parent)
            # Before there are any files, so that none of ours is ever taken for one of others.
            self._register_all(path, *document, self._origins.get(document[0]), is_good=False)
            sinks = [kind.make(self.folder / name, result.page) for kind, name in self._names(path)]
            self._document, self._path, self._is_good = document, path, True
            self._sink = sinks[0] if len(sinks) == 1 else SeveralSinks(sinks)
        assert self._sink is not None
        self._is_good = self._is_good and result.status not in {Status.FAILED, Status.SUSPECT}
        self._sink.write(result)

    def finish(self) -> None:
        """Put the current document's file in place."""
        if self._sink is not None and self._document is not None:
            self._sink.finish()
            origin = self._origins.pop(self._document[0], None)
            self._register_all(self._path, *self._document, origin, is_good=self._is_good)
            self._sink = self._document = None

    def discard(self) -> None:
        """Leave the current document's file as it was; those before are in place, and others may follow."""
        if self._sink is not None and self._document is not None:
            self._sink.discard()
            for _, name in self._names(self._path):
                if not os.path.lexists(self.folder / name):  # and what may be there later is not ours
                    with contextlib.suppress(OutputError):
                        self._state.forget_output(name)
            self._origins.pop(self._document[0], None)
            self._sink = self._document = None

    def assign(self, output: Path, document: str, signature: FileSignature | None) -> None:
        """The document whose first file is *output* lies at the path *document* now, where a later run may meet it.

        *signature*: how it is there, where every page of it is good.
        """
        for _, name in self._names(output):
            self._state.register_output(name, path_key(document), signature, self._job)

    @property
    def path(self) -> Path:
        """The first file of the document that was written last."""
        return self._path

    def path_for(self, document: str, digest: str, origin: Origin | None) -> Path:
        """Where the output goes. The same document gets the same file again in a later run.

        A document without *origin* came through a pipe: it is known by its *digest*.
        """
        identity = self._identify(document, digest, origin)
        ours = [name for name, _, _ in self._state.find_outputs(identity)]
        earlier = filter(self._is_possible, ours)
        below = self._subfolder(origin.below if origin is not None else "")
        for name in itertools.chain(earlier, (below + name for name in self._candidates(document, digest, origin))):
            path = self.folder / name
            # On many systems names that differ in case, or in how accents are written, are one file.
            names = (other for _, other in self._names(path))
            is_ours = all(other in ours or not os.path.lexists(self.folder / other) for other in names)
            key = hash(unicodedata.normalize("NFC", name).casefold())
            if is_ours and key not in self._taken:
                self._taken.add(key)
                return path
        raise AssertionError("candidates do not end")

    def is_complete(self, document: str, signature: FileSignature) -> bool:
        """Whether the output of *document* is there, good, of the same job, and from a file with that signature."""
        return any(
            name.endswith(self._suffix)
            and (earlier, job) == (signature, self._job)
            and os.path.isfile(self.folder / name)
            for name, earlier, job in self._state.find_outputs(path_key(document))
        )

    def register(self, path: Path, document: str, digest: str, origin: Origin | None, *, is_good: bool) -> None:
        """Note that *path* was written from *document*, and whether every page of it is good."""
        signature = origin.signature if origin is not None and is_good else None
        name = path.relative_to(self.folder).as_posix()
        self._state.register_output(name, self._identify(document, digest, origin), signature, self._job)

    def _identify(self, document: str, digest: str, origin: Origin | None) -> str:
        """What tells a document from others. One without *origin* came through a pipe."""
        if origin is None:
            return f"sha256:{digest}"
        if self._by_content:
            return f"sha256:{digest}:{Path(origin.below, os.path.basename(document)).as_posix()}"
        return path_key(document)

    def _register_all(self, path: Path, document: str, digest: str, origin: Origin | None, *, is_good: bool) -> None:
        for _, name in self._names(path):
            self.register(self.folder / name, document, digest, origin, is_good=is_good)

    def _names(self, path: Path) -> Iterator[tuple[OutputKind, str]]:
        """The files of the document whose first one is at *path*, relative to the folder."""
        stem = path.relative_to(self.folder).as_posix().removesuffix(self._suffix)
        return ((kind, stem + kind.suffix) for kind in self._kinds)

    def _is_possible(self, name: str) -> bool:
        """Whether *name* is one that we could have given, and leads through no link: a state can say anything."""
        *folders, last = name.split("/")
        if not last.endswith(self._suffix) or any(safe_name(part) != part for part in (*folders, last)):
            return False
        return self._subfolder("/".join(folders)) == name.removesuffix(last)

    def _subfolder(self, below: str) -> str:
        """The subfolder *below* with a slash at its end, made if need be; cut off where a link or a file is there."""
        inside = ""
        for part in Path(below).parts:
            inner = self.folder / inside / safe_name(part)
            if inner.is_symlink() or (inner.exists() and not inner.is_dir()):
                break
            try:
                inner.mkdir(exist_ok=True)
            except OSError as error:
                raise OutputError(f"cannot make the folder {inner}: {error.strerror}") from None
            inside += f"{safe_name(part)}/"
        return inside

    def _candidates(self, document: str, digest: str, origin: Origin | None) -> Iterator[str]:
        if origin is not None and origin.stem:
            yield safe_name(origin.stem) + self._suffix
        path = Path(document)
        stem = safe_name(path.stem)
        yield stem + self._suffix
        yield safe_name(path.name) + self._suffix
        if path.parent.name:
            yield safe_name(f"{path.parent.name}-{path.stem}") + self._suffix
        if origin is None:
            yield f"{stem}-{safe_name(digest[:12])}{self._suffix}"
        while True:
            number = self._numbers[stem] = self._numbers.get(stem, 1) + 1
            yield f"{stem}-{number}{self._suffix}"


def make_folder(folder: Path) -> None:
    """Make it where it is not there. Raises ``OutputError``."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise OutputError(f"{folder} is no folder", "Something else has that name: give another one.") from None
    except OSError as error:
        raise OutputError(f"cannot use the folder {folder}: {error.strerror}") from None


def safe_name(name: str) -> str:
    """*name* as a file name that is harmless on every system: no separators, no control characters, not hidden."""
    text = name.encode("utf-8", "replace").decode("utf-8")
    text = "".join(char if char.isprintable() and char not in '/\\:*?"<>|' else "_" for char in text)
    text = re.sub(r"^[.\-\s]+|[.\s]+$", "", text)
    while len(text.encode()) > 180:
        text = text[:-1]
    if not text or _RESERVED.fullmatch(text):
        return f"_{text}"
    return text
