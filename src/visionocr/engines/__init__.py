"""Engines that need no server, behind extras and imported lazily."""
