"""Branches fused into one classifier, and the folder that it is saved to."""
