"""distilabel."""
