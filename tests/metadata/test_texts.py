"""What of a file changes when a caption comes: rules."""

from __future__ import annotations

import pytest

from visionocr.captions.order import LONGEST_ALT
from visionocr.choices import Existing
from visionocr.metadata.texts import (
    MAX_DESCRIPTION,
    Changes,
    Texts,
    choose_changes,
    cut_bytes,
    drop_camera_text,
    read_result,
)
from visionocr.types import PageRef, PageResult, Status

PAGE = PageRef("a.jpg", 1, 1, "d")


def caption(text: str, keywords: tuple[str, ...] = (), alt_text: str = "") -> Texts:
    """The caption of a result with these texts."""
    return read_result(PageResult(PAGE, text, Status.OK, keywords=keywords, alt_text=alt_text))


def test_a_caption_has_no_characters_that_xml_cannot_hold() -> None:
    """Control characters, lone surrogates and the two that are none go; line breaks, emoji and right-to-left stay."""
    assert caption("a\x00b\x1b[1m\ud800\uffff c\r\nשלום 🎉]]>\x7f").description == "ab[1m c\nשלום 🎉]]>"


def test_a_caption_is_not_longer_than_a_jpeg_can_hold() -> None:
    """A description of 70,000 characters and an alternative text of 1,000 are cut."""
    cut = caption("ä" * 70_000, alt_text="b" * 1_000)
    assert (len(cut.description), len(cut.alt_text)) == (MAX_DESCRIPTION, LONGEST_ALT) == (10_000, 250)


def test_keywords_are_single_lines_without_doubles() -> None:
    """The first spelling wins, and the order stays; a comma is part of a keyword."""
    assert caption("", ("Dog", "black, white", " dog", "", "a\n b")).keywords == ("Dog", "black, white", "a b")


@pytest.mark.parametrize("text", ["OLYMPUS DIGITAL CAMERA         ", "SONY DSC", "Digital StillCamera", " \0", "DCIM"])
def test_what_cameras_write_is_no_description(text: str) -> None:
    """It stands in every photo of that camera."""
    assert drop_camera_text(text) == ""
    assert drop_camera_text(f"{text}x") != ""


@pytest.mark.parametrize(
    ("existing", "expected"),
    [(Existing.KEEP, None), (Existing.REPLACE, "new"), (Existing.APPEND, "old\nnew")],
)
def test_an_existing_description(existing: Existing, expected: str | None) -> None:
    """It is kept, replaced or goes before the new one."""
    assert choose_changes(Texts("old"), Texts("new"), existing).description == expected


@pytest.mark.parametrize("existing", Existing)
def test_a_missing_description_is_written_whatever_is_wanted_of_existing_ones(existing: Existing) -> None:
    """There is nothing to keep."""
    assert choose_changes(Texts(), Texts("new"), existing) == Changes("new")


def test_what_is_there_word_for_word_is_not_appended_again() -> None:
    """A second run changes nothing."""
    assert choose_changes(Texts("old\nnew"), Texts("new"), Existing.APPEND) == Changes()


def test_an_appended_description_leaves_the_old_one_whole() -> None:
    """The new one is cut where both are too long, and left out where there is no room."""
    long = "o" * (MAX_DESCRIPTION - 3)
    assert choose_changes(Texts(long), Texts("new"), Existing.APPEND).description == f"{long}\nne"
    assert choose_changes(Texts("o" * MAX_DESCRIPTION), Texts("new"), Existing.APPEND) == Changes()


@pytest.mark.parametrize("existing", [Existing.KEEP, Existing.APPEND])
def test_keywords_are_added_to_those_that_are_there(existing: Existing) -> None:
    """The old ones first, in their order and spelling; as tags too, but no leaf of the tree twice."""
    old = Texts(keywords=("Zoo", "dog"), tags=("animals/Dog",))
    changes = choose_changes(old, Texts(keywords=("Dog", "cat")), existing)
    assert changes == Changes(keywords=("Zoo", "dog", "cat"), tags=("animals/Dog", "Zoo", "cat"))


def test_replaced_keywords_leave_the_tree_of_tags() -> None:
    """Flat ones go: they are the keywords once more."""
    old = Texts(keywords=("zoo",), tags=("animals/dog", "zoo"))
    changes = choose_changes(old, Texts(keywords=("cat",)), Existing.REPLACE)
    assert changes == Changes(keywords=("cat",), tags=("animals/dog", "cat"))


@pytest.mark.parametrize(
    ("existing", "expected"), [(Existing.KEEP, None), (Existing.APPEND, None), (Existing.REPLACE, "new")]
)
def test_an_alternative_text_is_kept_or_replaced(existing: Existing, expected: str | None) -> None:
    """Two of them would be too long for a screen reader."""
    assert choose_changes(Texts(alt_text="old"), Texts(alt_text="new"), existing).alt_text == expected
    assert choose_changes(Texts(), Texts(alt_text="new"), existing).alt_text == "new"


def test_bytes_are_cut_between_characters() -> None:
    """No half letter is left."""
    assert cut_bytes("aää", 4) == "aä"
    assert cut_bytes("aää", 5) == "aää"
