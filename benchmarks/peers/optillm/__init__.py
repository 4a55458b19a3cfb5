"""optillm."""
