"""Presets, tasks, prompts, and what fits into a request."""
