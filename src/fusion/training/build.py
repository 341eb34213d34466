"""A configuration and training rows -> the branches that are asked for, fused into one network."""

import logging
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fusion import branches
from fusion.branches import LoadedBranch
from fusion.branches.weights import WeightsUnavailable
from fusion.config.branches import HuggingFace, Text, TextOptions
from fusion.config.groups import read_group
from fusion.config.options import parse, to_dict
from fusion.config.schema import Config
from fusion.datamodule import SnippetDataset
from fusion.model import checkpoint
from fusion.model.late_fusion import LateFusion
from fusion.results.record import Record
from fusion.snippets.vary import Varying
from fusion.weights import shipped_weights

log = logging.getLogger(__name__)

TOKENIZER_TEXTS = 200_000  # at most, that a tokenizer is trained on


def create_branches(config: Config, table: pa.Table, record: Record) -> tuple[Config, dict[str, LoadedBranch]]:
    """Return the branches that are not `none`, and the configuration with the text branch that is really trained.

    The two differ from what was asked where weights cannot be had; the record resolves what each branch has.
    """
    created: dict[str, LoadedBranch] = {}
    if config.has_text:
        rows = _tokenizer_rows(SnippetDataset(table, "train"), config.seed)  # never validation or test
        if config.vary.changes:
            rows = _with_varied(rows, Varying(config.vary, config.seed))
        text, created["text"] = _create_text(config, rows, sorted(pc.unique(table["label"]).to_pylist()))
        record.resolve(text=text.name, text_options=to_dict(text))
        config = replace(config, text=text)
    if config.has_image:
        created["image"] = branches.create_image(config.backbone, config.input_shape)
        if created["image"].weights == "code":
            _warn_of_known_projects(str(config.backbone.model), table, record)
    record.resolve(
        weights={name: branch.weights for name, branch in created.items()},
        weights_id={name: branch.weights_id for name, branch in created.items() if branch.weights_id},
    )
    return config, created


def make_model(config: Config, classes: list[str], created: dict[str, LoadedBranch]) -> checkpoint.Model:
    """Return the fused network, with what its folder will say of it."""
    fusion = to_dict(config.fusion)
    net = LateFusion({name: branch.module for name, branch in created.items()}, len(classes), **fusion)
    meta = {
        "name": config.name,
        "render": to_dict(config.render),
        "source_size": list(config.source_size),
        "input_shape": config.input_shape,
        "seed": config.seed,
        "classes": classes,
        "branches": {name: branch.spec for name, branch in created.items()},
        "fusion": fusion,
        "temperature": 1.0,
    }
    return checkpoint.Model(net, meta, created["text"].tokenizer if "text" in created else None)


def _with_varied(rows: dict[str, list[Any]], change: Varying) -> dict[str, list[Any]]:
    """Return the rows, and after them those that the first epoch changes: what is fitted once sees both."""
    texts = [change(text, id, 0) for text, id in zip(rows["text"], rows["id"], strict=True)]
    changed = [row for row, text in enumerate(texts) if text != rows["text"][row]]
    copies = {name: [column[row] for row in changed] for name, column in rows.items()} | {
        "text": [texts[row] for row in changed]
    }
    return {name: [*column, *copies[name]] for name, column in rows.items()}


def _tokenizer_rows(rows: SnippetDataset, seed: int) -> dict[str, list[Any]]:
    """Return all rows, or TOKENIZER_TEXTS of them where there are more than memory may hold."""
    if len(rows) <= TOKENIZER_TEXTS:
        return rows[range(len(rows))]
    return rows[np.sort(np.random.default_rng(seed).choice(len(rows), TOKENIZER_TEXTS, replace=False)).tolist()]


def _create_text(config: Config, rows: dict[str, list[Any]], classes: list[str]) -> tuple[TextOptions, LoadedBranch]:
    """Return the text branch and its options: those asked for or, where weights cannot be had, of its fallback."""
    text = config.text
    try:
        return text, branches.create_text(text, rows, classes, config.seed)
    except WeightsUnavailable as error:
        if not isinstance(text, HuggingFace) or text.fallback is None or text.weights == "pretrained":
            raise
        log.warning(
            "Text branch: %s Instead of %s this run trains `%s`, a small branch of fusion's own, from nothing; its "
            "row says so. Pass text.model=FOLDER for a local copy, or text.fallback=null to make this an error.",
            error, text.name, text.fallback,
        )  # fmt: skip
        fallback: TextOptions = parse(Text, read_group("text", text.fallback), "text")
        return fallback, branches.create_text(fallback, rows, classes, config.seed)


def _warn_of_known_projects(model: str, table: pa.Table, record: Record) -> None:
    """Warn of, and record, projects that the run is judged on and weights=code was trained on."""
    eval_projects = set(table.filter(pc.not_equal(table["split"], "train"))["group"].to_pylist())
    known = sorted(eval_projects & set(shipped_weights(model)[1]["projects"]))
    record.update(judged_projects_in_weights=known)
    if known:
        log.warning(
            "warning: backbone.weights=code was trained on %d of the %d projects of validation and test (%s ...); "
            "figures on them flatter",
            len(known), len(eval_projects), ", ".join(known[:3]),
        )  # fmt: skip
