"""swarms."""
