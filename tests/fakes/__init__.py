"""What the tests put in place of the outside world: a server and pictures whose content is known."""
