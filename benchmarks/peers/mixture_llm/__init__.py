"""mixture-llm."""
