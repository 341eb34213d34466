"""A configuration -> what a run learns from: its table, what draws its pictures, its batches."""

import logging
import os
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from fusion.branches import LoadedBranch
from fusion.collate import DAMAGED
from fusion.config.errors import UserError
from fusion.config.paths import cache_dir
from fusion.config.schema import Config
from fusion.console import progress
from fusion.datamodule import SnippetDataModule
from fusion.results.record import Record
from fusion.screenshots.renderer import Renderer
from fusion.screenshots.token_cache import KEPT, lex
from fusion.screenshots.user_images import Pictures
from fusion.snippets import sources
from fusion.snippets.kfold import folded
from fusion.snippets.snippet import SPLITS, split_hash
from fusion.snippets.user.stream import Stream, open_stream
from fusion.snippets.vary import Varying
from fusion.training.feature_cache import styles_to_keep
from fusion.training.situations import PictureDamage, TextDamage

log = logging.getLogger(__name__)

MAX_UNREADABLE = 0.05  # share of own pictures that may be unreadable before a run is refused


@dataclass(frozen=True)
class RunData:
    """What a run learns from and is evaluated on."""

    table: pa.Table  # all splits; of a stream the rows that are evaluated, and those that show what labels there are
    classes: list[str]  # every label, sorted
    stream: Stream | None  # the training rows, if they are not those of the table
    renderer: Renderer | None  # None without an image branch
    pictures: Pictures | None  # the user's own


def load_table(config: Config) -> pa.Table:
    """Return the table of the data or, of a fold, the same with other projects on its validation side."""
    table = sources.load(config.data, cache_dir(), progress)
    if config.fold is None or config.folds is None:
        return table
    return folded(table, config.fold, config.folds, config.seed)


def load_data(config: Config, record: Record) -> RunData:
    """Return the data of a run, without rows whose own picture cannot be read; the record says what they are."""
    stream = open_stream(config.data, cache_dir()) if config.is_streamed else None  # type: ignore[arg-type]
    table = stream.table if stream else load_table(config)
    data_hash = readable_hash = split_hash(table)
    record.update(data_hash=data_hash)
    renderer, pictures = None, None
    if config.has_image:
        renderer = Renderer(config.render, config.source_size, config.input_shape, config.seed)
        pictures = Pictures(renderer.size, config.input_shape, cache_dir())
        readable = _without_unreadable(table, pictures)
        if readable is not table:
            table, readable_hash = readable, split_hash(readable)
        if config.render.highlight in KEPT and stream is None:
            _share_token_classes(config.render.highlight, table, readable_hash, renderer)
    classes = sorted(pc.unique(table["label"]).to_pylist())
    record.update(classes=classes, split_hash=readable_hash, samples=split_sizes(table))
    return RunData(table, classes, stream, renderer, pictures)


def make_datamodule(config: Config, data: RunData, branches: dict[str, LoadedBranch]) -> SnippetDataModule:
    """Return the data as batches, in what the branches read.

    Raises UserError where so few snippets have a picture that a split has none.
    """
    seed = config.seed
    datamodule = SnippetDataModule(
        data.table,
        data.classes,
        branches["text"].tokenizer if "text" in branches else None,
        data.renderer,
        batch_size=config.batch_size,
        seed=seed,
        num_workers=config.num_workers,
        pictures=data.pictures,
        stream=data.stream,
        num_styles=styles_to_keep(config),
        change=Varying(config.vary, seed) if config.vary.changes else None,
        damage=TextDamage(config.damage.text / 2, config.damage.text / 2, seed) if config.damage.text else None,
        picture_share=config.picture_share,
        renderers={} if data.renderer is None else _other_renderers(config, data.renderer),
    )
    for split in SPLITS if config.picture_share < 1 else ():
        if len(datamodule.splits[split]) and not len(datamodule.drawn[split]):
            raise UserError(
                f"picture_share={config.picture_share:g} leaves the {split} side without a picture; pass a larger one."
            )
    return datamodule


def _other_renderers(config: Config, renderer: Renderer) -> dict[str, Renderer]:
    """Return what draws damaged pictures: some of those of training, all of those of a situation of evaluation."""
    chances = {"train": config.damage.picture, DAMAGED: float("partial" in config.situations)}
    others = {}
    for name, chance in chances.items():
        if chance:
            others[name] = Renderer(
                config.render, config.source_size, config.input_shape, config.seed, PictureDamage(chance, config.seed)
            )
            others[name].painter.token_cache = renderer.painter.token_cache
    return others


def split_sizes(table: pa.Table) -> dict[str, int]:
    """Return how many rows each split has."""
    return {split: pc.sum(pc.equal(table["split"], split)).as_py() or 0 for split in SPLITS}


def _share_token_classes(policy: str, table: pa.Table, table_hash: str, renderer: Renderer) -> None:
    """Give the renderer the token classes of all texts, from the cache if they were lexed before."""
    columns = table.select(["id", "text", "label"])
    parts = [tuple(batch.to_pydict().values()) for batch in columns.to_batches(max_chunksize=256)]
    workers = os.cpu_count() or 1
    renderer.painter.token_cache = lex(parts, policy, table_hash, cache_dir(), progress, workers=workers)


def _without_unreadable(table: pa.Table, pictures: Pictures) -> pa.Table:
    """Return the table without rows whose own picture cannot be read; warn of them, or raise if they are too many."""
    if "image" not in table.column_names:
        return table
    paths = sorted({path for path in table["image"].to_pylist() if path})
    unreadable = pictures.unreadable(progress(paths, "reading pictures", len(paths)))
    if not unreadable:
        return table
    reasons = " ".join([*unreadable.values()][:3])
    if len(unreadable) > MAX_UNREADABLE * len(paths):
        raise UserError(f"{len(unreadable)} of {len(paths)} pictures cannot be read: {reasons}")
    log.warning("%d of %d pictures cannot be read; their rows are left out: %s", len(unreadable), len(paths), reasons)
    return table.filter(pc.invert(pc.is_in(table["image"], pa.array([*unreadable], pa.string()))))
