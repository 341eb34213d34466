"""A model -> how texts and pictures become what its graphs take, in plain JSON."""

from pathlib import Path
from typing import Any

from fusion.branches import names, ngrams, tokens
from fusion.files import sha256_of
from fusion.model.checkpoint import Model
from fusion.serving.classifier import MAX_WINDOWS
from fusion.snippets.corpus import windows

NGRAMS = {  # how runner.py reads a text for text=nano and micro
    "kind": "ngrams",
    "max_bytes": ngrams.MAX_BYTES,
    "max_ngram": ngrams.MAX_NGRAM,  # bytes
    "max_tokens": tokens.MAX_TOKENS,  # of the longest n-gram of tokens, whose buckets come after those of bytes
    "buckets": ngrams.NUM_HASH_BUCKETS,
    "hash": {"name": "FNV-1a, 64 bits", "offset": int(names.FNV), "prime": int(names.PRIME)},
    "weight": "log(1 + count), scaled to length 1",
}


def describe(model: Model, folder: Path) -> dict[str, Any]:
    """Return it for a folder that already holds tokenizer.json."""
    found: dict[str, Any] = {}
    if model.tokenizer is not None:
        found["text"] = {
            "file": "tokenizer.json",
            "sha256": sha256_of(folder / "tokenizer.json"),
            "tokenizer": _tokenizer(model),
            "windows": {
                "min_lines": windows.MIN_LINES, "join_lines": windows.JOIN_LINES, "max_lines": windows.MAX_LINES,
                "most": MAX_WINDOWS,
            },
        }  # fmt: skip
    if "image" in model.net.branches:
        branch: Any = model.net.branches["image"]
        found["image"] = {
            "input_shape": model.meta["input_shape"],
            "source_size": list(model.meta["source_size"]),
            "resize": "to source_size's width, cut or filled below with the last pixel; then to input_shape; "
            "areas averaged where smaller, linear where larger",
            "normalised_in_graph": True,
            **branch.facts(),
        }
    return found


def _tokenizer(model: Model) -> dict[str, Any]:
    name = model.meta["branches"]["text"]["name"]
    return NGRAMS if name in ("nano", "micro") else {"kind": {"linear": "characters"}.get(name, "tokenizers")}
