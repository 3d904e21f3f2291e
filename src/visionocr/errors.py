"""The exceptions. Every error that a user can cause or meet has a message, a hint and an exit code.

VisionOcrError            1
├── UsageError            2   the command line does not make sense
├── ConfigurationError    3   settings, presets, task files
├── DocumentError         4   a document or a page cannot be opened or rendered
├── ServerError           5   the server cannot do the work
│   ├── ServerUnreachable     connection refused, unknown host, no answer
│   ├── ServerBusy            it is busy: worth waiting
│   ├── ServerRefused         it refuses all requests: wrong key, wrong address, no vision
│   ├── ContextTooSmall       a picture and an answer do not fit the model's context
│   ├── RequestRefused        it will never accept this request, but may accept others
│   │   └── RequestTooLarge   a smaller picture may do
│   └── AnswerUnusable        its answer is no completion: worth asking again
├── OutputError           6   the result cannot be written
└── Interrupted         130   Ctrl-C or another signal
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the command line: part of the stable interface."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    CONFIGURATION = 3
    DOCUMENT = 4
    SERVER = 5
    OUTPUT = 6
    PAGES = 7
    """The run finished, but some pages failed (or are suspect, under ``--strict``)."""
    INTERRUPTED = 130


class VisionOcrError(Exception):
    """Base of all errors of ours.

    ``message`` is one line that says what failed in the user's words, ``hint`` one line that says
    what to do (may be empty). Neither ever contains an API key.
    """

    exit_code = ExitCode.UNEXPECTED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(VisionOcrError):
    """The command line does not make sense."""

    exit_code = ExitCode.USAGE


class ConfigurationError(VisionOcrError):
    """A setting, a preset or a task file is wrong."""

    exit_code = ExitCode.CONFIGURATION


class DocumentError(VisionOcrError):
    """A document or one page of it cannot be opened, read or rendered."""

    exit_code = ExitCode.DOCUMENT


class ServerError(VisionOcrError):
    """The server cannot do the work."""

    exit_code = ExitCode.SERVER


class ServerUnreachable(ServerError):
    """No server answers at the address: connection refused, unknown host, no route."""


class ServerBusy(ServerError):
    """The server is busy. ``retry_after`` is the pause in seconds that it asks for, if it does."""

    def __init__(self, message: str, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after


class ServerRefused(ServerError):
    """The server refuses all requests: wrong key, unknown path, a redirect, no vision. Ends a run."""


class KeyRefused(ServerRefused):
    """The server needs a key, or another one than it was given."""


class PicturesIgnored(ServerRefused):
    """The server ignores pictures: its answer is the same for all of them."""


class ContextTooSmall(ServerError):
    """A picture, the prompt and a useful answer do not fit into the model's context together."""


class ServerUnknown(ServerRefused):
    """A server answers, but has no API that is supported."""


class RequestRefused(ServerError):
    """The server will never accept this request: malformed or too large. It may accept the next page's."""


class RequestTooLarge(RequestRefused):
    """The request has more bytes than the server, or a gateway in front of it, accepts.

    ``scale``, below 1, is that of a picture which may fit, relative to the one that was sent.
    """

    def __init__(self, message: str, hint: str = "", scale: float = 0.8) -> None:
        super().__init__(message, hint)
        self.scale = scale


class AnswerUnusable(ServerError):
    """The server answered, but the answer is no completion: ``null``, an error text, not JSON, cut off."""


class OutputError(VisionOcrError):
    """The result cannot be written."""

    exit_code = ExitCode.OUTPUT


class Interrupted(VisionOcrError):
    """The user stopped the run."""

    exit_code = ExitCode.INTERRUPTED
