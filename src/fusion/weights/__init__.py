"""What fusion ships: weights, NAME_code.safetensors with their facts and their card, and a trained model, release/."""

import json
from pathlib import Path
from typing import Any

from fusion.config.errors import UserError
from fusion.files import sha256_of

FOLDER = Path(__file__).resolve().parent


def shipped_model() -> Path:
    """Return the folder of the trained model that is shipped. Raises UserError where this build has none."""
    folder = FOLDER / "release"
    if not (folder / "meta.json").is_file():
        raise UserError(
            "This build of fusion ships no trained model; give the folder of a run, such as runs/train/RUN."
        )
    return folder


def shipped_weights(model: str) -> tuple[Path, dict[str, Any]]:
    """Name of a network, as timm has it, or reader -> the file shipped for it, and its facts.

    The facts are model, sha256, split_hash and the projects learnt from. Raises UserError where none is shipped, or
    the file is not the one that was.
    """
    shipped = {}
    for path in sorted(FOLDER.glob("*_code.json")):
        facts = json.loads(path.read_text(encoding="utf-8"))
        shipped[facts["model"]] = (path.with_suffix(".safetensors"), facts)
    if model not in shipped:
        models = " and ".join(shipped) or "no backbone"
        raise UserError(f"weights=code holds weights of {models}, not of {model}; pass weights=auto, random or a file.")
    path, facts = shipped[model]
    if not path.is_file() or sha256_of(path) != facts["sha256"]:
        raise UserError(f"{path} is damaged: its sha256 is not the one in {path.stem}.json; install fusion again.")
    return path, facts
