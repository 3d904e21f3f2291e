"""Stand-ins for the outside world: servers whose behaviour a test chooses, and pictures whose content is known."""
