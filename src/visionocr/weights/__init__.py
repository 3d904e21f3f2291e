"""Model files on disk (GGUF): what their headers say, and which projector works with which model."""
