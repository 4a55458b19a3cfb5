"""llm-council-core."""
