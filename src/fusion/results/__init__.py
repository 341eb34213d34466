"""What a run leaves behind, and what many runs say together. Knows no torch."""
