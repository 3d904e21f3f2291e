"""A request becomes a completion."""
