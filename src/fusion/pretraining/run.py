"""`experiment=pretrain_image`: a backbone trained on an endless stream of fresh pictures -> weights of our own domain.

Its own loop, not Lightning's: there are no epochs, and a run goes on at the step where it was stopped. The run
folder is like any other, with state.pt to go on from and weights/ with what backbone.weights=code loads.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
import yaml

from fusion import branches
from fusion.branches import LoadedBranch
from fusion.config.errors import UserError, did_you_mean
from fusion.config.paths import CONF_DIR, cache_dir
from fusion.console import progress
from fusion.model import checkpoint
from fusion.pretraining import resume as resuming
from fusion.pretraining.character_targets import CHARACTERS
from fusion.pretraining.export import write_weights
from fusion.pretraining.resume import STATE
from fusion.pretraining.stream import PretrainingDataset, TextCrops, WeightedRows, held
from fusion.pretraining.trainer import Course, processes, ranks, rate_at, search
from fusion.results import plots, statistics
from fusion.results.record import Record, new_run_folder, write_metrics
from fusion.screenshots.renderer import Renderer, parse_size
from fusion.snippets import sources
from fusion.snippets.snippet import split_hash
from fusion.training.fit import KEPT, judge, keep
from fusion.training.lr_finder import WINDOW
from fusion.training.run import make_model, recorded, sides, warn
from fusion.training.setup import resolve_device

log = logging.getLogger(__name__)

RARE = -3.0  # logit that the reader starts from: one part in twenty shows a given character
SEEN = ("train_loss", "reading_loss", "train_accuracy")  # means over the steps since the last look
CHUNK = 128  # pictures judged at a time
UNUSED = ("epochs", "patience", "clip", "folds", "fold", "augment", "schedule", "loss",
          *(f"backbone.{key}" for key in ("freeze", "lr", "lr_decay", "batchnorm", "variants")))  # fmt: skip
SEARCHED = 1 << 40  # number of the first batch of the search for a rate: none of these is trained on later


def run(config: dict[str, Any], overrides: Sequence[str], parent: Path) -> Path:
    """Trains, or goes on training, and leaves a run folder; its path is returned. See experiment.run.

    Under torchrun every process takes its share of each batch; the first one alone writes.
    """
    check(config, overrides)
    before, resume = resuming.stopped(config), config["pretraining"]["resume"]
    with processes():
        if ranks()[0]:
            train(config, Path(resume) if resume else parent, None)
            return parent
        folder = Path(resume) if resume else new_run_folder(parent)
        with recorded(folder, config, overrides) as record:
            resuming.keep(record, before)
            warn(config)
            train(config, folder, record)
    return folder


def check(config: dict[str, Any], overrides: Sequence[str]) -> None:
    """Raises UserError for what pretraining cannot do, or would not heed."""
    for word, other in (("text", "none"), ("backbone", None)):
        if (config[word]["name"] == "none") is (other is None):
            raise UserError(f"pretraining trains an image branch alone; pass {word}={other or 'mobilenetv2'}.")
    if config["optimizer"]["name"] != "adamw":
        raise UserError(f"pretraining has no optimizer={config['optimizer']['name']}; pass optimizer=adamw.")
    for word in overrides:
        key = word.lstrip("+").partition("=")[0]
        if any(f"{key}.".startswith(f"{name}.") for name in UNUSED):
            raise UserError(f"pretraining does not heed {word}: see pretraining.*, lr and render.*; leave it out.")


def train(config: dict[str, Any], folder: Path, record: Record | None) -> None:
    """One run, or the rest of one. Processes other than the first have no record and write nothing."""
    wanted = config["pretraining"]
    torch.manual_seed(config["seed"])
    text_crops = TextCrops(**wanted["passage"])
    table, learnt = corpus(config, text_crops)
    classes = sorted(pc.unique(learnt["label"]).to_pylist())
    table = table.filter(pc.is_in(table["label"], pa.array(classes)))
    rows = WeightedRows(learnt, classes)
    if record is not None:
        resuming.check_data(record, split_hash(table))
    course, model, started = start(config, classes)
    early = config | {"render": config["render"] | wanted["early"]["render"]}
    shapes = ((early, wanted["early"]["input_shape"]), (config, config["input_shape"]))[wanted["early"]["steps"] < 1 :]
    stages = [_fresh(look, rows, text_crops, shape, feature_map(model, shape)[1]) for look, shape in shapes]
    facts: dict[str, Any] = {"history": [], "seen": [0.0, 0.0, 0.0, 0.0]}
    if (folder / STATE).is_file():
        facts = course.load(folder / STATE)
        course.lr = course.lr if config["lr"] == "search" else config["lr"]
        log.info("going on at step %d of %d, lr %g", course.step, wanted["steps"], course.lr)
    elif config["lr"] == "search":
        course.lr = _search(course, stages[0], folder)
    if record is not None:
        learnt_from = {"train": learnt.num_rows, "train_groups": pc.count_distinct(learnt["group"]).as_py()}
        samples = sides(table) | learnt_from
        config["lr"] = course.lr
        if "weights" not in record.content:
            which = {"image": started.which} if started.which else {}
            record.note(weights={"image": started.weights}, weights_from=which)
        record.note(
            config=config, classes=classes, split_hash=split_hash(table), samples=samples, text="none",
            processes=ranks()[1], parameters=course.net.size,
            image=started.module.facts() | {"source_size": stages[-1].renderers[0].size},  # type: ignore[operator]
        )  # fmt: skip
    val = _sample(text_crops.dense(table.filter(pc.equal(table["split"], "val"))), wanted["check_on"], config["seed"])
    _learn(course, stages, config, folder, facts, val if record is not None else None, classes)
    if record is not None:
        _finish(course, model, config, folder, record, table, learnt, text_crops)


def corpus(config: dict[str, Any], text_crops: TextCrops) -> tuple[pa.Table, pa.Table]:
    """-> the table, and the training rows learnt from: dense, of no project that a spared corpus judges on."""
    table = sources.load(config["data"], cache_dir(), progress)
    spared: set[str] = set()
    for name in config["pretraining"]["spare"]:
        other = sources.load(_data(config, name), cache_dir(), progress)
        spared |= set(other.filter(pc.not_equal(other["split"], "train"))["group"].to_pylist())
    learnt = table.filter(pc.equal(table["split"], "train"))
    learnt = learnt.filter(pc.invert(pc.is_in(learnt["group"], pa.array(sorted(spared), pa.string()))))
    before, learnt = learnt.num_rows, text_crops.dense(learnt)
    log.info(
        "%d snippets of %d projects to learn from; %d too empty, %d projects spared",
        learnt.num_rows, pc.count_distinct(learnt["group"]).as_py(), before - learnt.num_rows, len(spared),
    )  # fmt: skip
    return table, learnt


def _data(config: dict[str, Any], name: str) -> dict[str, Any]:
    """A file of conf/data, with what the run's own data says of where packages come from."""
    path = CONF_DIR / "data" / f"{name}.yaml"
    if not path.is_file():
        known = sorted(found.stem for found in path.parent.glob("*.yaml"))
        raise UserError(
            f"pretraining.spare has {name}, which is not one of {', '.join(known)}{did_you_mean(name, known)}."
        )
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def start(config: dict[str, Any], classes: list[str]) -> tuple[Course, checkpoint.Model, LoadedBranch]:
    """-> the network with its optimiser, the model that its average is kept as, and what both began with."""
    started = branches.create_image(config["backbone"], config["input_shape"])
    model = make_model(config, classes, {"image": started})
    device = resolve_device(config)
    rate = 1e-3 if config["lr"] == "search" else config["lr"]
    half = device.type == "cuda" and config["precision"] in ("auto", "bf16-mixed")
    reader = torch.nn.Linear(feature_map(model, config["input_shape"])[0], CHARACTERS)
    torch.nn.init.constant_(reader.bias, RARE)
    course = Course(model.net, reader, rate, config["optimizer"]["weight_decay"], device, half)
    return course, replace(model, net=course.average), started


@torch.no_grad()
def feature_map(model: checkpoint.Model, shape: int) -> tuple[int, int]:
    """-> channels and side of the last feature map of pictures of `shape` pixels.

    Raises UserError where there is none to read characters from, or the features are not as many as at input_shape.
    """
    branch: Any = model.net.branches["image"].eval()
    name, blank = model.meta["branches"]["image"]["model"], torch.zeros(1, shape, shape, 3, dtype=torch.uint8)
    try:
        maps = branch.net.forward_features(branch.normalised(blank.to(branch.mean.device)))
        if maps.ndim != 4 or maps.shape[2] != maps.shape[3]:
            raise UserError(f"{name} has no square map of features to read from; choose another backbone.")
        fits = branch.pooled(maps).shape[1] == branch.dim
    except (RuntimeError, ValueError, AssertionError):
        fits = False
    if not fits:
        raise UserError(
            f"{name} with pooling={branch.pooling} takes no pictures of {shape} pixels besides those of input_shape="
            f"{model.meta['input_shape']}; pass pretraining.early.steps=0, or another early.input_shape."
        )
    return maps.shape[1], maps.shape[2]


def _fresh(
    config: dict[str, Any], rows: WeightedRows, text_crops: TextCrops, shape: int, grid: int
) -> PretrainingDataset:
    """The stream at one picture size; the text in it is as large as at any other."""
    text_crops = text_crops.scaled(shape / config["input_shape"])
    source = [max(8, round(side * shape / config["input_shape"])) for side in parse_size(config["source_size"])]
    looks = [config["render"] | {"highlight": policy} for policy in config["pretraining"]["highlights"]]
    renderers = [Renderer(look, source, shape, config["seed"]) for look in looks]
    return PretrainingDataset(rows, text_crops, renderers, config["batch_size"], config["seed"], grid, *ranks())


def _sample(table: pa.Table, most: int, seed: int) -> pa.Table:
    chosen = np.random.default_rng(seed).permutation(table.num_rows)[:most]
    return table.take(np.sort(chosen))


def _search(course: Course, fresh: PretrainingDataset, folder: Path) -> float:
    """-> the rate that a short range test suggests; its curve is drawn."""
    found = search(course, fresh.loader(SEARCHED, SEARCHED + WINDOW, 0))
    log.info("learning rate %g, found by a range test of %d steps", found.chosen, len(found.rates))
    if ranks()[0] == 0:
        plots.rates(found.rates, found.losses, found.chosen, folder / "plots" / "learning_rate.png")
    return found.chosen


def _learn(
    course: Course, stages: list[PretrainingDataset], config: dict[str, Any], folder: Path, facts: dict[str, Any],
    val: pa.Table | None, classes: list[str],
) -> None:  # fmt: skip
    """From the step where the course is to the last one; `val` is None in processes that only help."""
    wanted = config["pretraining"]
    shown = None if val is None else _drawn(val, stages[-1].text_crops, _judging(config))
    seen, clock = np.array(facts["seen"]), time.monotonic()  # SEEN, and over how many steps
    history: list[dict[str, float]] = facts["history"]
    before = history[-1]["seconds"] if history else 0.0
    for batch in _batches(course.step, stages, wanted, config["num_workers"]):
        rate = rate_at(course.step, course.lr, wanted["steps"], wanted["warmup"], wanted["cooldown"])
        seen += (*course.learn(batch, rate), 1)
        last = course.step == wanted["steps"]
        if shown is not None and (course.step % wanted["check_every"] == 0 or last):
            spent = round(before + time.monotonic() - clock, 1)
            history.append({"step": course.step, "pictures": course.step * config["batch_size"], "lr": rate}
                           | dict(zip(SEEN, (seen[:3] / seen[3]).round(5).tolist(), strict=True))
                           | _look(course, *shown, classes) | {"seconds": spent})  # fmt: skip
            seen[:] = 0
            _tell(history, wanted["steps"], folder)
        if val is not None and (course.step % wanted["save_every"] == 0 or last):
            course.save(folder / STATE, {"history": history, "seen": seen.tolist()})


def _tell(history: list[dict[str, float]], steps: int, folder: Path) -> None:
    """The last look -> metrics.csv, the curve and a line."""
    write_metrics(folder, history)
    plots.learning(history, folder / "plots" / "curves.png")
    last = history[-1]
    log.info(
        "step %d of %d, %d pictures: training loss %.3f, accuracy %.3f, reading loss %.4f; "
        "validation accuracy %.3f [%.3f, %.3f]; %.0f s",
        last["step"], steps, last["pictures"], last["train_loss"], last["train_accuracy"], last["reading_loss"],
        last["val_accuracy"], last["val_low"], last["val_high"], last["seconds"],
    )  # fmt: skip


def _batches(
    step: int, stages: list[PretrainingDataset], wanted: dict[str, Any], workers: int
) -> Iterator[dict[str, Any]]:
    """The batches from `step` on: small pictures first, then those of the full size."""
    edge = min(wanted["early"]["steps"], wanted["steps"])
    if step < edge:
        yield from stages[0].loader(step, edge, workers)
    yield from stages[-1].loader(max(step, edge), wanted["steps"], workers)


def _judging(config: dict[str, Any]) -> Renderer:
    """What draws the pictures of validation and test: exactly, one style a snippet."""
    return Renderer(config["render"] | {"mode": "source"}, config["source_size"], config["input_shape"], config["seed"])


def _drawn(rows: pa.Table, text_crops: TextCrops, renderer: Renderer) -> tuple[torch.Tensor, list[str]]:
    """WeightedRows -> their pictures (N, H, W, 3) uint8, drawn once, and labels."""
    images = [image for image, _ in held(rows, text_crops, renderer, CHUNK)]
    return torch.from_numpy(np.concatenate(images)), rows["label"].to_pylist()


def _look(course: Course, images: torch.Tensor, labels: list[str], classes: list[str]) -> dict[str, float]:
    """Where the average stands -> loss, accuracy with its interval, macro-F1."""
    logits = torch.cat([course.answers(part) for part in images.split(CHUNK)]).numpy()
    truth = np.array([classes.index(label) for label in labels])
    found = statistics.scores(labels, [classes[i] for i in logits.argmax(1)])
    low, high = found["accuracy_95"]  # type: ignore[misc]
    values = {"val_loss": statistics.negative_log_likelihood(logits, truth), "val_accuracy": found["accuracy"],
              "val_low": low, "val_high": high, "val_f1_macro": found["f1_macro"]}  # fmt: skip
    return {name: round(float(value), 4) for name, value in values.items()}  # type: ignore[arg-type]


def _finish(
    course: Course, model: checkpoint.Model, config: dict[str, Any], folder: Path, record: Record,
    table: pa.Table, learnt: pa.Table, text_crops: TextCrops,
) -> None:  # fmt: skip
    """The average's predictions on validation and test, RUN/model, and the weights with their card."""
    metrics, parts, renderer = {}, [], _judging(config)
    for side in ("val", "test"):
        rows = table.filter(pc.equal(table["split"], side))
        rows = _sample(rows, config["pretraining"]["judge_on"] or rows.num_rows, config["seed"])
        logits = np.concatenate(
            [course.answers(torch.from_numpy(image)).numpy() for image, _ in held(rows, text_crops, renderer, CHUNK)]
        )
        metrics[side], predictions = judge(rows.select(KEPT), logits, model.meta, fit_temperature=side == "val")
        parts.append(predictions)
    record.note(steps=course.step)
    keep(model, metrics, parts, folder, record)
    backbone: Any = model.net.branches["image"].net
    write_weights(backbone, record.content, sorted(set(learnt["group"].to_pylist())), folder / "weights")
