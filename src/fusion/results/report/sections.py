"""A comparison -> the sections of the page below its tables, those left out that there are no data for."""

from fusion.results.comparison import Comparison


def sections_of(comparison: Comparison) -> list[object]:
    """Return the sections of the first block, which is the largest."""
    return []
