"""LlamaIndex's pack, as it was."""
