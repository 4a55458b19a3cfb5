"""Claims about a mixture on a LangGraph server."""
