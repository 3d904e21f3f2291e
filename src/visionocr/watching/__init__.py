"""Folders that are watched: which files are complete, and where they go when they are done with."""
