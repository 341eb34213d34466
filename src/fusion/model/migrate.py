"""Model folders of an older fusion -> the same in today's names; nothing on disk is changed.

Schema 1 had other names for parts of specs, weights, options and tokenizers, and source sizes in three forms. Values,
shapes and order are those of today, so the answers are the same to the last digit.
"""

import contextlib
import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from fusion.config.renamed import with_new_names
from fusion.config.render import parse_size

SCHEMA = 2  # of meta.json; a file without one is of schema 1
T = TypeVar("T")

# of schema 1 -> of schema 2
SPECS = {"members": "num_hashes", "thinning": "ngram_dropout", "voter": "linear_member", "rung": "variant"}
WEIGHTS = {r"^(branches\.\w+)\.voter\.kept$": r"\1.linear_member.buckets",
           r"^(branches\.\w+)\.voter\.": r"\1.linear_member."}  # fmt: skip
TOKENIZERS = {"characters": {"longest": "max_ngram"}}  # by their kind


def schema_of(meta: Mapping[str, Any]) -> Any:
    """Return the schema that meta.json says it has, whatever that is."""
    return meta.get("schema", 1)


def migrate_meta(meta: Mapping[str, Any]) -> dict[str, Any]:
    """meta.json -> the same with today's names of specs and options, and source_size as [width, height] in pixels."""
    if schema_of(meta) == SCHEMA:
        return dict(meta)
    specs = {name: _renamed(spec, SPECS) if isinstance(spec, dict) else spec for name, spec in meta["branches"].items()}
    changes = {"schema": SCHEMA, "branches": specs, "render": with_new_names(meta["render"], "render")}
    with contextlib.suppress(ValueError):  # a model that sees no pictures may have been given any size
        changes["source_size"] = list(parse_size(meta.get("source_size")))
    return {**meta, **changes}


def migrate_weights(weights: Mapping[str, T], schema: int) -> dict[str, T]:
    """State dict -> the same under today's names."""
    if schema == SCHEMA:
        return dict(weights)
    names = {}
    for name in weights:
        names[name] = name
        for old, new in WEIGHTS.items():
            names[name] = re.sub(old, new, names[name])
    return {names[name]: value for name, value in weights.items()}


def migrate_tokenizer(content: str, schema: int) -> str:
    """tokenizer.json -> the same with today's names of its fields; one of the tokenizers library stays as it is."""
    if schema == SCHEMA:
        return content
    fields = json.loads(content)
    names = TOKENIZERS.get(fields.get("kind"))
    return json.dumps(_renamed(fields, names)) if names else content


def _renamed(fields: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in fields.items()}
