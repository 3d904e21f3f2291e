"""Checks a server: what it reports about itself, and what it reads of an eye chart."""
