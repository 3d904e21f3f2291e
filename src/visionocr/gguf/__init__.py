"""Model files (GGUF): what they contain, which projector works with which model, and how to start them."""
