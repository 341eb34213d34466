"""A picture of code -> the text in it, with its indentation: a network that finds characters, and a grid they stand on."""
