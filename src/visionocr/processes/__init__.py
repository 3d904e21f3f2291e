"""Processes of our own, for native code that reads untrusted files."""
