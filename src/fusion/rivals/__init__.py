"""What other tools say of the same texts and pictures: each asked one text at a time, its answers kept."""
