"""What is code in no language of a table: prose, data, noise, other languages -> snippets of the label Other."""
