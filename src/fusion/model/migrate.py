"""Model folders of an older fusion -> the same in today's names; nothing on disk is changed.

Schema 1 had other names for parts of specs, weights, options and tokenizers, and source sizes in three forms. Up to
schema 3 a network and its linear member were averaged half and half. Values, shapes and order are those of today, so
the answers are the same to the last digit. The one exception is text=nano, which in schemas 1 and 2 read n-grams of
bytes alone and hashed them otherwise: such a model is refused.
"""

import contextlib
import json
from collections.abc import Mapping
from typing import Any

from fusion.config.errors import UserError
from fusion.config.renamed import with_new_names
from fusion.config.render import parse_size

SCHEMA = 4  # of meta.json; a file without one is of schema 1

# of schema 1 -> of today
SPECS = {"rung": "variant"}
TOKENIZERS = {"characters": {"longest": "max_ngram"}}  # by their kind


def schema_of(meta: Mapping[str, Any]) -> Any:
    """Return the schema that meta.json says it has, whatever that is."""
    return meta.get("schema", 1)


def migrate_meta(meta: Mapping[str, Any]) -> dict[str, Any]:
    """meta.json -> the same with today's names of specs and options, and source_size as [width, height] in pixels."""
    if schema_of(meta) == SCHEMA:
        return dict(meta)
    has_nano = any(isinstance(spec, dict) and spec.get("name") == "nano" for spec in meta["branches"].values())
    if has_nano and schema_of(meta) < 3:
        raise UserError("This model's text=nano is of an older fusion, which read texts otherwise; train it again.")
    if schema_of(meta) in (2, 3):
        return {**meta, "schema": SCHEMA}
    specs = {name: _renamed(spec, SPECS) if isinstance(spec, dict) else spec for name, spec in meta["branches"].items()}
    changes = {"schema": SCHEMA, "branches": specs, "render": with_new_names(meta["render"], "render")}
    with contextlib.suppress(ValueError):  # a model that sees no pictures may have been given any size
        changes["source_size"] = list(parse_size(meta.get("source_size")))
    return {**meta, **changes}


def migrate_weights(weights: Mapping[str, Any], fresh: Mapping[str, Any], schema: int) -> dict[str, Any]:
    """Weights -> the same with the shares of an average that was not fitted, of a network made for them (`fresh`)."""
    shares = {name: value for name, value in fresh.items() if name.startswith("members.")} if schema < SCHEMA else {}
    return {**shares, **weights}


def migrate_tokenizer(content: str, schema: int) -> str:
    """tokenizer.json -> the same with today's names of its fields; one of the tokenizers library stays as it is."""
    if schema != 1:
        return content
    fields = json.loads(content)
    names = TOKENIZERS.get(fields.get("kind"))
    return json.dumps(_renamed(fields, names)) if names else content


def _renamed(fields: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in fields.items()}
