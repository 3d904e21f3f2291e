"""``visionocr review``: check and correct results in the browser."""

from __future__ import annotations

import contextlib
import webbrowser
from pathlib import Path
from typing import Annotated, Any

import typer

from visionocr.cli import options
from visionocr.cli.outcome import current_stop, reported
from visionocr.cli.passwords import Passwords
from visionocr.console import Console
from visionocr.errors import UsageError
from visionocr.output.stdout import write_stdout
from visionocr.prompting.library import Library
from visionocr.types import Notice

Outputs = Annotated[
    list[Path],
    typer.Argument(
        metavar="OUTPUT",
        help="Results: Markdown, JSON or JSON Lines files, folders of them, or of pictures with captions beside them.",
    ),
]
Html = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Write one HTML file to look at or send, and end.", show_default=False),
]
Journal = Annotated[
    Path | None,
    typer.Option(
        "--journal", metavar="FILE", help="The journal of the results, if it has another place.", show_default=False
    ),
]
Open = Annotated[bool, typer.Option("--open", help="Open the page in the browser.")]
Port = Annotated[
    int,
    typer.Option(
        "--port", metavar="N", min=0, max=65_535, help="Port to listen on (0: any free one).", show_default=False
    ),
]
Host = Annotated[
    str,
    typer.Option(
        "--host",
        metavar="ADDRESS",
        help="Address to listen on (default 127.0.0.1, which only this machine reaches).",
        show_default=False,
    ),
]
_SETTINGS = (
    *("api_url", "api_key", "dialect", "model", "timeout", "max_time", "local_model"),
    *("gguf", "mmproj", "threads", "gpu_layers", "context"),
    *("preset", "temperature", "top_p", "top_k", "min_p", "rep_pen", "seed", "max_length"),
    *("task", "prompt", "system", "language", "dpi", "max_side", "raster_workers"),
)
_HTML_SUFFIXES = (".html", ".htm")


@options.with_settings(*_SETTINGS)
def review(
    outputs: Outputs,
    documents: options.Documents = None,
    html: Html = None,
    open_browser: Open = False,
    port: Port = 0,
    host: Host = "127.0.0.1",
    journal: Journal = None,
    password_file: options.PasswordFile = None,
    config: options.Config = None,
    verbose: options.Verbose = 0,
    *,
    flags: dict[str, Any],
) -> None:
    """Check and correct results in the browser.

    Prints the address of a page that shows each page's picture beside its text, doubtful pages first. Ctrl-C, or Done
    in the page, ends it. What is saved there stays in later runs.
    """
    from visionocr.review.book import Book
    from visionocr.review.desk import Desk
    from visionocr.review.export import export
    from visionocr.review.pictures import Pictures
    from visionocr.review.places import Lines
    from visionocr.review.questions import Questions
    from visionocr.review.server import ReviewServer, is_loopback

    console = Console(verbose)
    with reported(console, verbose), contextlib.ExitStack() as stack:
        if html is not None and html.suffix.lower() not in _HTML_SUFFIXES:
            raise UsageError(f"--html {html} is not the name of an HTML file", "Give a name that ends in .html.")
        settings = options.settings_from(flags, config)
        if warning := options.check_key_file(settings):
            console(Notice(warning, warning=True))
        stop = current_stop.get()
        book = Book(outputs, journal=journal, task=settings.task, language=settings.language, console=console)
        passwords = Passwords(password_file, console, may_ask=False)
        pictures = Pictures(documents or (), password=passwords, workers=settings.raster_workers)
        questions = Questions(settings, Library(options.config_folder()), task=book.task, observer=console, stop=stop)
        desk = Desk(book, pictures, questions, Lines(), end=stop.request)
        stack.callback(desk.close)
        if html is not None:
            with stop.waking(desk.close):
                count = export(desk, html, title=", ".join(path.name for path in outputs))
            pages = "1 page" if count == 1 else f"{count} pages"
            console.line(f"{html}: {pages}, {html.stat().st_size / 1e6:.1f} MB")
            return
        server = stack.enter_context(ReviewServer(desk, host=host, port=port))
        if not is_loopback(host):
            warning = "other machines can read and change the results, if they learn the address with its secret"
            console(Notice(f"--host {host}: {warning}; nothing is encrypted", warning=True))
        write_stdout(f"{server.address}\n")
        if not (open_browser and webbrowser.open(server.address)):
            console.line("Open this address in a browser. Ctrl-C here, or Done on the page, ends the review.")
        with stop.waking(server.shutdown):
            server.serve_forever(poll_interval=0.1)
