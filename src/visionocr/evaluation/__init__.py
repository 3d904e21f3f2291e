"""Scores of transcriptions against known texts."""
