"""Claims about runs that survive."""
