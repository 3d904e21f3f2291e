"""Captions in the metadata of pictures, or in XMP files beside them."""
