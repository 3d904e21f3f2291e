"""What a server can do: what it says of itself, and what it reads of an eye chart."""
