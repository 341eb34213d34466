"""A configuration -> a run folder."""
