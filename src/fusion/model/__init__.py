"""Branches fused into one classifier: the network, how it is trained, how it is kept."""
