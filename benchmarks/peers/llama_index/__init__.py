"""LlamaIndex's pack, as it is."""
