"""What is damaged on a PDF page, by what MuPDF says while it draws it."""

from __future__ import annotations

import re

from visionocr.text import printable
from visionocr.types import Finding, FindingKind, Severity

_LOST = re.compile(
    # Pictures and other streams, of which the rest is padded or left out. A wrong checksum of all data is harmless.
    r"padding truncated image|premature end|treating as end of file|unknown filter"
    r"|ignoring zlib error(?!: incorrect data check)"
    r"|limit error|openjpeg error|jbig2dec error|failed to \w+ JPX|cannot (?:complete|decode) .*image|aes padding"
    # What is painted.
    r"|ignoring error during interpretation|content stream (?:is not a stream|part)|cannot draw text"
    # Unknown words are passed over; missing states and colours change how things look.
    r"|syntax error: (?!unknown keyword|cannot find (?:ExtGState|ColorSpace))",
    re.IGNORECASE,
)
"""Messages of MuPDF 1.26 to 1.28 after which something of a page is missing, from trying about 70 kinds of damage."""
_ODD = re.compile(r"error|cannot|truncated|missing|corrupt|invalid|only has", re.IGNORECASE)
"""Messages that say that something is wrong, though nothing need be missing."""
TAIL = 1 << 20
"""Bytes at the end of a file in which ``find_cut_object`` looks."""
_STREAM = re.compile(rb"(?<!end)stream[\r\n]")
_OBJECT = re.compile(rb"(\d{1,10})\s+\d{1,5}\s+obj\b")


def find_damage(warnings: str, *, repaired: bool = False, incomplete: bool = False) -> tuple[Finding, ...]:
    """Findings about a page, given MuPDF's *warnings* while it was drawn, one a line.

    *repaired*: MuPDF had to repair the file. *incomplete*: it could not paint something.
    """
    findings = []
    if repaired:
        message = "the PDF is damaged; it was repaired as far as possible"
        findings.append(Finding(FindingKind.DAMAGED, message, Severity.INFO))
    lines = warnings.splitlines()
    lost, odd = ([line for line in lines if kind.search(line)] for kind in (_LOST, _ODD))
    if lost or incomplete:
        why = f" ({printable((lost or odd or lines)[0])[:200]})" if lines else ""
        findings.append(Finding(FindingKind.DAMAGED, f"something on the page is missing: it cannot be decoded{why}"))
    elif odd:
        message = f"the page is damaged; what can be read was rendered ({printable(odd[0])[:200]})"
        findings.append(Finding(FindingKind.DAMAGED, message, Severity.INFO))
    return tuple(findings)


def find_cut_object(tail: bytes) -> int | None:
    """The number of the object in whose stream a file ends, given the file's last bytes.

    Where the stream is not compressed, what is left of it is drawn without any warning.
    """
    begun = max((match.start() for match in _STREAM.finditer(tail)), default=-1)
    if begun < 0 or tail.find(b"endstream", begun) >= 0:
        return None
    return max(((match.start(), int(match[1])) for match in _OBJECT.finditer(tail[:begun])), default=(0, None))[1]


def is_incomplete(findings: tuple[Finding, ...]) -> bool:
    """Whether something that was on the page is missing in its picture."""
    return any(finding.kind is FindingKind.DAMAGED and finding.severity is Severity.SUSPECT for finding in findings)
