"""(seed, kind, variant, number) -> texts that nobody wrote: logs, tables, encoded bytes, noise.

Each variant of a kind is one group, so that the split holds whole variants out; two kinds are held out of training
altogether, one for validation and the others for the test.
"""

from collections.abc import Iterator
from random import Random

from fusion.languages import OTHER
from fusion.snippets.corpus.windows import LENGTH_BANDS
from fusion.snippets.other.kinds import mark
from fusion.snippets.other.made import VARIANTS
from fusion.snippets.snippet import Snippet, key_of

SOURCE = "made"
HELD_OUT = {"val": 1, "test": 3}  # kinds of which no variant is in the training split


def made_snippets(count: int, seed: int) -> Iterator[tuple[Snippet, str]]:
    """Yield `count` snippets, as many of every variant as that allows, and the split of each."""
    splits = variant_splits(seed)
    variants = [(kind, variant) for kind in sorted(VARIANTS) for variant in sorted(VARIANTS[kind])]
    for number in range(count):
        kind, variant = variants[number % len(variants)]
        path = f"{variant}-{number // len(variants)}"
        text = made_text(kind, variant, number // len(variants), seed)
        yield Snippet(text, OTHER, f"made {kind} {variant}", SOURCE, "", mark(kind, path)), splits[kind, variant]


def made_text(kind: str, variant: str, number: int, seed: int) -> str:
    """Return the text of one number; no other number, kind or variant changes it."""
    random = Random(key_of(seed, kind, variant, number))
    band = random.choices(LENGTH_BANDS, [band.share for band in LENGTH_BANDS])[0]
    lines = VARIANTS[kind][variant](random, random.randint(band.min_lines, band.max_lines))
    return "\n".join(lines).strip("\n")


def variant_splits(seed: int) -> dict[tuple[str, str], str]:
    """(kind, variant) -> its split: of each kind one variant for validation and one for the test, the rest in train."""
    held_out = unseen_kinds(seed)
    splits = {}
    for kind in VARIANTS:
        variants = sorted(VARIANTS[kind], key=lambda variant: key_of(seed, kind, variant))
        for place, variant in enumerate(variants):
            own = ("test", "val")[place] if place < 2 else "train"
            splits[kind, variant] = held_out.get(kind, own)
    return splits


def unseen_kinds(seed: int) -> dict[str, str]:
    """Return the kinds of which training sees no variant, and the split of each."""
    kinds = sorted(VARIANTS, key=lambda kind: key_of(seed, "kind", kind))
    return dict(zip(kinds, [split for split, count in HELD_OUT.items() for _ in range(count)], strict=False))
