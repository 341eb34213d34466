"""A trained model -> predictions, in one schema for Python, the command line and whatever serves it."""
