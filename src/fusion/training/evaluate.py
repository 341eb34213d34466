"""A trained network -> its predictions on validation and test, its metrics, its calibration."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytorch_lightning as pl
import torch

from fusion.collate import DAMAGED
from fusion.datamodule import SnippetDataModule, to_device
from fusion.model import checkpoint
from fusion.model.late_fusion import ALL, LINEAR, READ, LateFusion
from fusion.results import plots, statistics
from fusion.results.calibration import calibration_scores, fit_calibration, read_calibrations
from fusion.results.record import Record, write_answers, write_predictions
from fusion.training.situations import PICTURE, WHOLE, Situation

log = logging.getLogger(__name__)

PREDICTION_COLUMNS = ["id", "split", "group", "label", "source", "lines"]  # of the table, kept beside the logits


def evaluate(
    model: checkpoint.Model,
    datamodule: SnippetDataModule,
    trainer: pl.Trainer,
    table: pa.Table,
    folder: Path,
    record: Record,
    situations: Sequence[Situation] = (Situation(),),
) -> None:
    """Evaluate validation and test once, with the best epoch, in each situation.

    The weights of an average and the calibration are fitted on validation alone.
    """
    clock, parts, answered, metrics = time.monotonic(), list[pa.Table](), list[pa.Table](), dict[str, Any]()
    device = trainer.strategy.root_device
    if model.net.fits_members and len(datamodule.splits["val"]):
        record.update(members=fit_members(model.net, datamodule, situations, device))
    for split in ("val", "test"):
        rows = table.select(PREDICTION_COLUMNS).filter(pc.equal(table["split"], split))
        for situation in situations if rows.num_rows else ():
            began = time.monotonic()
            answers = _answers(trainer.predict(trainer.lightning_module, _loader(datamodule, split, situation)))
            if situation.name == WHOLE:
                if split == "test" and _computes_all(datamodule):
                    spent = 1000 * (time.monotonic() - began) / rows.num_rows
                    record.content["timings"]["ms_per_sample"] = round(spent, 3)
                metrics[split], predictions = evaluate_split(
                    rows, answers[ALL], model.meta, fit_temperature=split == "val"
                )
                parts.append(predictions)
            if len(answers) > 1:
                told = _by_modality(rows, answers, model.meta, situation, datamodule.drawn[split])
                metrics[split].setdefault("situations", {})[situation.name] = accuracies(told)
                answered.append(told)
    record.content["timings"]["evaluating_seconds"] = round(time.monotonic() - clock, 1)
    if answered:
        write_answers(folder, pa.concat_tables(answered))
    save_results(model, metrics, parts, folder, record)


def _computes_all(datamodule: SnippetDataModule) -> bool:
    """Return whether an answer takes all that it costs: features and readings that were kept would hide most of it."""
    return datamodule.features is None and datamodule.sources.readings is None


def _by_modality(
    rows: pa.Table, answers: dict[str, np.ndarray], meta: dict[str, Any], situation: Situation, drawn: np.ndarray
) -> pa.Table:
    """Return what answers.parquet says of a split in a situation; on validation the calibration of its views is fitted.

    drawn: the rows that have a picture, which are the ones that are told of.
    """
    classes, is_val = meta["classes"], rows["split"][0].as_py() == "val"
    if situation.name == WHOLE:
        if is_val:
            meta["calibration"] |= calibrations(rows, answers, classes, ["text"])
        answers = {of: logits[drawn] for of, logits in answers.items()}
    if not situation.has_text:  # what texts would have said is no part of it
        answers = {of: logits for of, logits in answers.items() if of not in ("text", LINEAR)}
    rows = rows.take(drawn)
    if is_val:
        views = {WHOLE: [ALL, "image", READ], PICTURE: [PICTURE]}.get(situation.name, [])
        meta["calibration"] |= calibrations(rows, answers, classes, views)
    return answers_table(rows, answers, classes, situation.name)


def fit_members(
    net: LateFusion, datamodule: SnippetDataModule, situations: Sequence[Situation], device: torch.device
) -> dict[str, float]:
    """Fit the average of a network's members on validation, in all situations; return the mean weight of each."""
    net.to(device).eval()
    made, truth = list[Any](), list[torch.Tensor]()
    with torch.inference_mode():
        for situation in situations:
            for batch in _loader(datamodule, "val", situation):
                made.append([part.cpu() for part in net.member_logits(to_device(batch, device))])
                truth.append(batch["label"])
    logits, present, quality = (torch.cat(parts) for parts in zip(*made, strict=True))
    assert net.members is not None
    shares = net.members.cpu().fit(logits.clone(), present.clone(), quality.clone(), torch.cat(truth))
    net.members.to(device)
    return shares


def _loader(datamodule: SnippetDataModule, split: str, situation: Situation) -> Any:
    style = DAMAGED if situation.damages_picture else None
    drawn = situation.name != WHOLE
    return datamodule.loader(split, None, style, drawn, damage=situation.text, has_text=situation.has_text)


def _answers(batches: Any) -> dict[str, np.ndarray]:
    """Answers of each batch -> logits (N, C) by whose answer it is."""
    return {of: torch.cat([batch[of] for batch in batches]).cpu().numpy() for of in batches[0]}


def calibrations(
    rows: pa.Table, answers: dict[str, np.ndarray], classes: Sequence[str], views: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Validation rows and logits (N, C) by whose answer they are -> the calibration of some views.

    The view "picture" is that of all modalities of rows without a text.
    """
    number = {label: i for i, label in enumerate(classes)}
    truth = np.array([number[label] for label in rows["label"].to_pylist()])
    lines, groups = rows["lines"].to_numpy(), np.array(rows["group"].to_pylist())
    of_views = {view: answers[ALL if view == PICTURE else view] for view in views if view in (*answers, PICTURE)}
    return {view: fit_calibration(logits, truth, lines, groups).to_dict() for view, logits in of_views.items()}


def answers_table(rows: pa.Table, answers: dict[str, np.ndarray], classes: Sequence[str], situation: str) -> pa.Table:
    """Rows and logits (N, C) by whose answer they are -> answers.parquet: a row for each answer about each row."""
    names, parts = np.array(classes), []
    for of, logits in answers.items():
        probability = statistics.softmax(logits)  # (N, C)
        said = {
            "situation": pa.array([situation] * rows.num_rows), "answer": pa.array([of] * rows.num_rows),
            "predicted": pa.array(names[logits.argmax(1)].tolist()), "score": pa.array(probability.max(1)),
        }  # fmt: skip
        part = rows
        for name, column in said.items():
            part = part.append_column(name, column)
        parts.append(part)
    return pa.concat_tables(parts)


def accuracies(told: pa.Table) -> dict[str, float]:
    """Rows of answers.parquet -> the accuracy of each answer."""
    right, answer = np.array(told["label"]) == np.array(told["predicted"]), np.array(told["answer"])
    return {str(of): float(right[answer == of].mean()) for of in dict.fromkeys(answer.tolist())}


def evaluate_split(
    rows: pa.Table, logits: np.ndarray, meta: dict[str, Any], fit_temperature: bool
) -> tuple[dict[str, Any], pa.Table]:
    """Rows and their logits (N, C) -> metrics, and the rows as predictions.parquet has them.

    fit_temperature: the temperature and the calibration of `meta` are fitted on these rows first.
    """
    classes, labels = meta["classes"], rows["label"].to_pylist()
    number = {label: i for i, label in enumerate(classes)}
    truth, lines = np.array([number[label] for label in labels]), rows["lines"].to_numpy()
    if fit_temperature:
        meta["temperature"] = statistics.fit_temperature(logits, truth)
        groups = np.array(rows["group"].to_pylist())
        meta["calibration"] = {"all": fit_calibration(logits, truth, lines, groups).to_dict()}
    predicted = [classes[i] for i in logits.argmax(1)]
    calibration = read_calibrations(meta)["all"]
    metrics = statistics.scores(labels, predicted) | calibration_scores(calibration, logits, truth, lines)
    rows = rows.append_column("predicted", pa.array(predicted))
    return metrics, rows.append_column("logits", pa.array(list(logits)))


def save_results(
    model: checkpoint.Model, metrics: dict[str, Any], parts: list[pa.Table], folder: Path, record: Record
) -> None:
    """Write what was reached: RUN/model, predictions.parquet, the confusion matrix, run.json and a line of the log.

    metrics and parts: what `evaluate_split` returned for each split, validation first.
    """
    checkpoint.save(model, folder / "model")
    record.update(metrics=metrics, temperature=model.meta["temperature"])
    write_predictions(folder, pa.concat_tables(parts))
    truth, predicted = parts[-1]["label"].to_pylist(), parts[-1]["predicted"].to_pylist()
    plots.confusion(truth, predicted, model.meta["classes"], folder / "plots" / "confusion.png")
    split, scores = [*metrics.items()][-1]
    log.info(
        "%s: accuracy %.3f [%.3f, %.3f], macro-F1 %.3f, weighted F1 %.3f on %d snippets; run folder %s",
        split,
        scores["accuracy"],
        *scores["accuracy_95"],
        scores["f1_macro"],
        scores["f1_weighted"],
        scores["n"],
        folder,
    )
