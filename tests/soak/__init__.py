"""Thousands of mixtures against a provider that fails in every way; `python -m tests.soak`, or `make soak`."""
