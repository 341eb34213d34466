"""A picture of code -> its text and indentation: a network that finds characters, and the grid they stand on."""
