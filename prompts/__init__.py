"""Model presets and tasks: data only."""
