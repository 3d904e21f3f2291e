"""Whether two files hold the same picture."""

from __future__ import annotations

import pytest

from metadata_files import make_picture
from visionocr.documents.same_picture import find_kind, is_same_picture
from visionocr.errors import DocumentError


def test_other_pixels_frames_and_formats_are_another_picture() -> None:
    """Even one pixel of the last frame."""
    picture = make_picture("PNG", frames=2)
    assert is_same_picture("a", picture, picture)
    assert not is_same_picture("a", picture, make_picture("PNG"))
    assert not is_same_picture("a", picture, make_picture("PNG", frames=2, seed=2))
    assert not is_same_picture("a", make_picture("PNG"), make_picture("TIFF"))


def test_another_colour_profile_is_another_picture() -> None:
    """The same numbers mean other colours."""
    assert not is_same_picture("a", make_picture("PNG"), make_picture("PNG", icc_profile=b"profile"))


def test_a_picture_that_cannot_be_decoded_is_compared_with_nothing() -> None:
    """A JPEG without its end."""
    cut = make_picture()[:-600]
    with pytest.raises(DocumentError, match="is damaged"):
        is_same_picture("a.jpg", cut, cut)


def test_what_is_no_picture_has_no_kind() -> None:
    """A picture has."""
    assert (find_kind(b"text"), find_kind(b""), find_kind(make_picture("WEBP"))) == ("", "", "WEBP")
