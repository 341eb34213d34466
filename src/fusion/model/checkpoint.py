"""Trained network <-> RUN/model: model.safetensors, meta.json, tokenizer.json.

Nothing in these files is executed: weights are safetensors, the rest is JSON, and a network is made
from plain values by the registry in fusion.branches. What an older fusion wrote is read too: see migrate.py.
"""

import json
import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from fusion.branches import Tokenizer, restore, restore_tokenizer
from fusion.config.errors import UserError, first_line
from fusion.config.render import parse_size
from fusion.files import replacing_folder, set_aside, sha256_of
from fusion.model.late_fusion import LateFusion
from fusion.model.migrate import SCHEMA, migrate_meta, migrate_tokenizer, migrate_weights, schema_of


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value) and len(set(value)) == len(value)


def _is_size(value: Any) -> bool:
    try:
        return bool(parse_size(value))
    except ValueError:
        return False


Parts = dict[str, tuple[str, Callable[[Any], bool]]]  # name -> what it must be, and whether a value is
PARTS: Parts = {  # of meta.json
    "branches": ("an object", _is_object),
    "classes": ("a list of different names", _are_names),
    "fusion": ("an object", _is_object),
    "render": ("an object", _is_object),
    "name": ("a text", lambda value: isinstance(value, str)),
    "seed": ("a whole number", lambda value: isinstance(value, int)),
    "input_shape": ("a whole number of at least 8", lambda value: isinstance(value, int) and value >= 8),
    "temperature": ("a number above 0", lambda value: isinstance(value, (int, float)) and 0 < value < 1e6),
}
IMAGE_PARTS: Parts = {"source_size": ("a size in pixels, such as [680, 500]", _is_size)}  # of one with an image branch


@dataclass(frozen=True)
class Model:
    """A network with everything that is needed to use it on new code."""

    net: LateFusion
    meta: dict[str, Any]  # classes, branches (specs), fusion, render, source_size, input_shape, temperature, ...
    tokenizer: Tokenizer | None


def make_net(meta: dict[str, Any]) -> LateFusion:
    """Specs of branches and of their fusion -> the network they describe, with random weights."""
    branches = {name: restore(spec) for name, spec in meta["branches"].items()}
    return LateFusion(branches, len(meta["classes"]), **meta["fusion"])


def save(model: Model, folder: Path) -> None:
    """Write the folder, whole or not at all; what was there before is replaced in one step."""
    with replacing_folder(folder) as part:
        weights = {key: value.detach().cpu().contiguous() for key, value in model.net.state_dict().items()}
        save_file(weights, part / "model.safetensors")
        meta = model.meta | {"schema": SCHEMA, "sha256": sha256_of(part / "model.safetensors")}
        (part / "meta.json").write_text(json.dumps(meta, indent=1), encoding="utf-8")
        if model.tokenizer is not None:
            (part / "tokenizer.json").write_text(model.tokenizer.to_json(), encoding="utf-8")


def load(folder: Path) -> Model:
    """RUN/model -> the model, in evaluation mode.

    Raises UserError for what is missing, damaged, or written by a newer fusion.
    """
    if not folder.exists() and (old := set_aside(folder)).exists():
        folder = old  # a save was killed between its two renames
    meta, schema = _read_meta(folder)
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise UserError(f"{folder} has no model.safetensors; the run did not get as far as one whole epoch.")
    if sha256_of(weights) != meta.get("sha256"):
        raise UserError(f"{weights} is damaged: its sha256 is not the one in meta.json; copy or train the model again.")
    try:
        net = make_net(meta)
        net.load_state_dict(migrate_weights(load_file(weights), net.state_dict(), schema))
    except UserError:
        raise
    except Exception as error:  # whatever constructors and safetensors raise for values that do not fit
        raise UserError(
            f"{folder} holds a meta.json and a model.safetensors that do not fit ({first_line(error)}); "
            "copy or train it again."
        ) from error
    return Model(net.eval(), meta, _read_tokenizer(folder / "tokenizer.json", meta, schema))


def _read_tokenizer(path: Path, meta: dict[str, Any], schema: int) -> Tokenizer | None:
    if "text" not in meta["branches"]:
        return None
    try:
        content = migrate_tokenizer(path.read_text(encoding="utf-8"), schema)
        return restore_tokenizer(content, meta["branches"]["text"])
    except Exception as error:  # the tokenizers library raises bare Exception
        raise UserError(f"{path} cannot be read ({type(error).__name__}); copy or train the model again.") from error


def _read_meta(folder: Path) -> tuple[dict[str, Any], int]:
    """Return meta.json in today's names, and the schema it was written in."""
    path = folder / "meta.json"
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(
            f"{path} cannot be read ({type(error).__name__}); give the folder of a completed run."
        ) from error
    if not isinstance(meta, dict):
        raise UserError(f"{path} describes no model; copy or train the model again.")
    schema = schema_of(meta)
    if schema not in range(SCHEMA + 1):
        raise UserError(f"{path} was written by a newer fusion; upgrade fusion to use this model.")
    _check_parts(meta, PARTS, path)
    if "image" in meta["branches"]:
        _check_parts(meta, IMAGE_PARTS, path)
    return migrate_meta(meta), schema


def _check_parts(meta: dict[str, Any], parts: Parts, path: Path) -> None:
    for name, (kind, fits) in parts.items():
        if not fits(meta.get(name)):
            value = reprlib.repr(meta.get(name))
            raise UserError(f"{path} describes no model: {name}={value} is not {kind}; copy or train the model again.")
