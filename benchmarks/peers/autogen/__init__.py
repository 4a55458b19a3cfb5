"""AutoGen's pattern."""
