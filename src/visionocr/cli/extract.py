"""``visionocr extract``: documents become records of a schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionocr.cli import options
from visionocr.cli.outcome import reported
from visionocr.cli.read_options import ReadOptions
from visionocr.console import Console
from visionocr.errors import ConfigurationError, UsageError
from visionocr.extraction.kinds import Per
from visionocr.output.stdout import write_stdout
from visionocr.settings import FIELDS
from visionocr.text import printable

if TYPE_CHECKING:
    from visionocr.extraction.schema import RecordSchema
    from visionocr.job import Job
    from visionocr.output.formats import Formatter
    from visionocr.prompting.library import Library
    from visionocr.settings import Settings


class RecordFormat(StrEnum):
    """Output formats of records."""

    JSONL = "jsonl"
    JSON = "json"
    CSV = "csv"


class Check(StrEnum):
    """Checks that are made when asked for."""

    SUMS = "sums"


LARGEST_SCHEMA = 1 << 20
"""Bytes of a schema file."""
_PANEL = "Record"
SchemaFile = Annotated[
    Path | None,
    typer.Option(
        "--schema", metavar="FILE", help="JSON schema of a record.", show_default=False, rich_help_panel=_PANEL
    ),
]
Fields = Annotated[
    str | None,
    typer.Option(
        "--fields",
        metavar="LIST",
        help='Fields instead of a schema: "vendor, date date, total number, items[]: name, qty int, price number".',
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
PerOption = Annotated[
    Per,
    typer.Option(
        "--per", metavar="document|page", help="What there is a record of (default document).", rich_help_panel=_PANEL
    ),
]
CheckOption = Annotated[
    list[Check] | None,
    typer.Option(
        "--check", metavar="sums", help="Check also that sums are right.", show_default=False, rich_help_panel=_PANEL
    ),
]
FormatOption = Annotated[
    RecordFormat,
    typer.Option(
        "--format",
        "-f",
        metavar="jsonl|json|csv",
        help="Output format (default jsonl).",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
Rows = Annotated[
    str | None,
    typer.Option(
        "--rows",
        metavar="NAME",
        help="With -f csv: the list that has a row for each item, where there are several.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
Bare = Annotated[
    bool, typer.Option("--bare", help="Write the records alone; null for one that failed.", rich_help_panel=_PANEL)
]
ShowGrammar = Annotated[
    bool,
    typer.Option(
        "--show-grammar", help="Print what servers are made to obey, and what is only checked.", rich_help_panel=_PANEL
    ),
]
_WITHOUT = {
    *("task", "cluster", "local_model", "repair_numbers"),
    *("format", "tables", "headers", "join_pages", "boxes", "page_breaks", "front_matter"),
}
"""Settings that have no meaning here."""
_HELPS = {"batch": "Pages per request (default: 4, or as many as the server and its context take)."}
_SETTINGS = tuple(name for name in FIELDS if name not in _WITHOUT)


@options.with_settings(*_SETTINGS, helps=_HELPS)
@options.with_reading("probe_pages", "figures", "describe_figures")
def extract(
    files: options.Files = None,
    schema: SchemaFile = None,
    fields: Fields = None,
    per: PerOption = Per.DOCUMENT,
    check: CheckOption = None,
    format: FormatOption = RecordFormat.JSONL,  # noqa: A002 - the option's name
    rows: Rows = None,
    bare: Bare = False,
    show_grammar: ShowGrammar = False,
    *,
    typed: dict[str, Any],
    flags: dict[str, Any],
) -> None:
    """Extract records from documents by a schema. Needs a server with a vision model."""
    from visionocr.cli.run import run  # late: --help must answer at once

    console = Console(-1 if typed["quiet"] else typed["verbose"])
    with reported(console, typed["verbose"]):
        understood = _load_schema(schema, fields)
        if show_grammar:
            write_stdout(_describe(understood))
            raise typer.Exit
        formatter = _choose_formatter(format, understood, rows, bare)
    read = ReadOptions(
        files or [], "extract", "extract", flags, **typed, schema=schema, per_document=per is Per.DOCUMENT
    )
    run(read, _choose_prepare(understood, per, Check.SUMS in (check or ()), typed["pages"]), formatter)


def _choose_prepare(schema: RecordSchema, per: Per, check_sums: bool, pages: str | None) -> Callable[..., Job]:
    """The function that prepares the job. What opens servers is loaded when it is called."""

    def prepare(settings: Settings, library: Library, **rest: Any) -> Job:
        from visionocr.extraction_job import Order, prepare_extraction

        if settings.cluster is not None:
            raise UsageError("records cannot be extracted on a cluster", "Leave out the setting cluster.")
        return prepare_extraction(settings, library, order=Order(schema, per, check_sums, pages), **rest)

    return prepare


def _load_schema(path: Path | None, fields: str | None) -> RecordSchema:
    """The schema that was given. Raises ``UsageError``, ``ConfigurationError``."""
    from visionocr.extraction.fields import parse_fields
    from visionocr.extraction.schema import parse_schema

    if (path is None) == (fields is None):
        raise UsageError("give either --schema or --fields", "See: visionocr extract --help")
    if fields is not None:
        return parse_schema(parse_fields(fields))
    assert path is not None
    try:
        if path.stat().st_size > LARGEST_SCHEMA:
            raise ConfigurationError(f"the schema {printable(str(path))} is larger than {LARGEST_SCHEMA:,} bytes")
        schema = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(f"cannot read the schema {printable(str(path))}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        why = str(error).splitlines()[0] if isinstance(error, ValueError) else "it is nested too deeply"
        raise ConfigurationError(f"the schema {printable(str(path))} is not JSON: {why}") from None
    return parse_schema(schema)


def _choose_formatter(
    format_: RecordFormat, schema: RecordSchema, rows: str | None, bare: bool
) -> Callable[[], Formatter]:
    from visionocr.extraction.columns import choose_columns
    from visionocr.output.records import RecordArray, RecordLines, RecordTable

    if rows is not None and format_ is not RecordFormat.CSV:
        raise UsageError("--rows needs -f csv")
    match format_:
        case RecordFormat.JSONL:
            return partial(RecordLines, bare=bare)
        case RecordFormat.JSON:
            return partial(RecordArray, bare=bare)
    return partial(RecordTable, choose_columns(schema.record, rows), bare=bare)


def _describe(schema: RecordSchema) -> str:
    """The grammar, the schema for servers that take one, and what is only checked."""
    from visionocr.extraction.grammar import write_grammar
    from visionocr.extraction.schema import strict_schema

    strict = json.dumps(strict_schema(schema.record), ensure_ascii=False)
    checked = [f"# only checked: {one}\n" for one in schema.unenforced]
    return f"{write_grammar(schema.record)}# as a schema: {strict}\n{''.join(checked)}"
