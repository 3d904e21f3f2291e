"""What model files (GGUF) on disk are, which projector works with which model, and how to start them."""
