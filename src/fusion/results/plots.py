"""Metrics and predictions of runs -> pictures: training curves, range tests, folds, confusion matrices, robustness."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from fusion.files import replacing
from fusion.results.curves import ANSWERS, KINDS, Point

SPLITS = {"train": "training", "val": "validation"}  # as metrics have them -> as they are shown
# Told apart by colour-blind readers too (Okabe and Ito 2008), in the order of ANSWERS; markers tell what was given
COLOURS = ("#0072B2", "#009E73", "#56B4E9", "#D55E00", "#CC79A7", "#E69F00")
MARKERS = {"text": "o", "picture": "s"}
PANELS = 4  # side by side


def _save(figure: plt.Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with replacing(path) as part, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing")  # labels in any script
            figure.savefig(part, format="png", dpi=120, bbox_inches="tight")
    finally:
        plt.close(figure)


def curves(epochs: Sequence[dict[str, float]], path: Path) -> None:
    """Plot loss and accuracy of training and validation side by side. epochs: one dict an epoch."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2))
    for axis, measure in zip(axes, ("loss", "accuracy"), strict=True):
        for split, label in SPLITS.items():
            points = [(e["epoch"], e[f"{split}_{measure}"]) for e in epochs if f"{split}_{measure}" in e]
            if points:
                axis.plot(*zip(*points, strict=True), marker="o", label=label)
        axis.set(xlabel="epoch", ylabel=measure)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        axis.legend(frameon=False)
    axes[1].set_ylim(0, 1)
    _save(figure, path)


def rates(rates: Sequence[float], losses: Sequence[float], chosen: float, path: Path) -> None:
    """Plot the smoothed loss of a range test over the learning rate, the chosen one marked."""
    figure, axis = plt.subplots(figsize=(4.5, 3.2))
    axis.plot(rates, losses)
    axis.axvline(chosen, color="tab:red", linestyle="--", label=f"chosen: {chosen:g}")
    axis.set(xscale="log", xlabel="learning rate", ylabel="training loss, smoothed")
    axis.grid(alpha=0.3)
    axis.legend(frameon=False)
    _save(figure, path)


def bands(runs: Sequence[Sequence[dict[str, float]]], path: Path) -> None:
    """Plot mean and sample standard deviation of loss and accuracy over several runs, side by side.

    An epoch that only some of the runs reached is the mean over those; where one run alone did, there is no deviation.
    """
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2))
    longest = max(runs, key=len)
    for axis, measure in zip(axes, ("loss", "accuracy"), strict=True):
        for split, label in SPLITS.items():
            by_epoch = [[run[i][f"{split}_{measure}"] for run in runs if i < len(run)] for i in range(len(longest))]
            mean = np.array([np.mean(values) for values in by_epoch])
            deviation = np.array([np.std(values, ddof=1) if len(values) > 1 else np.nan for values in by_epoch])
            epochs = [epoch["epoch"] for epoch in longest]
            axis.plot(epochs, mean, marker="o", label=label)
            axis.fill_between(epochs, mean - deviation, mean + deviation, alpha=0.2)
        axis.set(xlabel="epoch", ylabel=measure)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        axis.legend(frameon=False)
    axes[0].set_title(f"mean ± standard deviation of {len(runs)} folds", fontsize=9)
    axes[1].set_ylim(0, 1)
    _save(figure, path)


def confusion(labels: Sequence[str], predicted: Sequence[str], classes: Sequence[str], path: Path) -> None:
    """Plot the confusion matrix of true and predicted labels: shaded by share of the row, counts in the cells."""
    number = {name: i for i, name in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), int)  # (true, predicted)
    for true_label, predicted_label in zip(labels, predicted, strict=True):
        counts[number[true_label], number[predicted_label]] += 1
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    inches = max(4.0, 0.45 * len(classes) + 1.5)
    figure, axis = plt.subplots(figsize=(inches, inches))
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    names = [name.replace("$", r"\$") for name in classes]  # a label is no mathematics
    axis.set_xticks(range(len(classes)), names, rotation=60, ha="right")
    axis.set_yticks(range(len(classes)), names)
    axis.set(xlabel="predicted", ylabel="true")
    for row, column in zip(*counts.nonzero(), strict=True):
        color = "white" if share[row, column] > 0.5 else "black"
        axis.text(column, row, str(counts[row, column]), ha="center", va="center", color=color, fontsize=7)
    _save(figure, path)


def learning(evaluations: Sequence[dict[str, float]], path: Path) -> None:
    """Plot accuracy over pictures seen in pretraining.

    evaluations: dicts of pictures, train_accuracy, val_accuracy and, where it has an interval of 95 %, val_low and
    val_high.
    """
    figure, axis = plt.subplots(figsize=(6.5, 3.6))
    pictures = [values["pictures"] / 1000 for values in evaluations]
    axis.plot(
        pictures, [values["train_accuracy"] for values in evaluations], label="fresh pictures of training projects"
    )
    axis.plot(pictures, [values["val_accuracy"] for values in evaluations], marker=".", label="other projects")
    if all("val_low" in values for values in evaluations):
        low, high = ([values[end] for values in evaluations] for end in ("val_low", "val_high"))
        axis.fill_between(pictures, low, high, color="C1", alpha=0.25, linewidth=0)
    axis.set(xlabel="thousand pictures seen", ylabel="accuracy")
    axis.set_xlim(left=0)
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    axis.legend(frameon=False)
    _save(figure, path)


def robustness(points: Sequence[Point], path: Path) -> None:
    """Plot accuracy with its interval over each kind of change: a panel a kind, a line an answer."""
    kinds = list(dict.fromkeys(one.kind for one in points))
    columns = min(PANELS, len(kinds))
    rows = -(-len(kinds) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(2.9 * columns, 2.6 * rows + 0.4), sharey=True, squeeze=False)
    for axis, kind in zip(axes.flat, kinds, strict=False):
        _panel(axis, kind, [one for one in points if one.kind == kind])
    for axis in axes.flat[len(kinds) :]:
        axis.remove()
    for axis in axes[:, 0]:
        axis.set_ylabel("accuracy")
    lines = {line.get_label(): line for axis in axes.flat[: len(kinds)] for line in axis.lines}
    labels = [label for label in ANSWERS.values() if label in lines]
    figure.tight_layout()
    figure.legend(
        [lines[label] for label in labels], labels, loc="lower center", bbox_to_anchor=(0.5, 0.98), frameon=False,
        ncols=min(3, len(labels)),
    )  # fmt: skip
    _save(figure, path)


def _panel(axis: plt.Axes, kind: str, points: Sequence[Point]) -> None:
    """Draw the curves of one kind; its values stand evenly spaced, for most of them are small."""
    place = {value: i for i, value in enumerate(KINDS[kind].values)}
    for ((given, _), answer), colour in zip(ANSWERS.items(), COLOURS, strict=True):
        curve = [one for one in points if one.answer == answer]
        if curve:
            at = [place[one.value] for one in curve]
            axis.plot(
                at, [one.accuracy for one in curve], MARKERS[given] + "-", color=colour, markersize=4, label=answer
            )
            low, high = [one.low for one in curve], [one.high for one in curve]
            axis.fill_between(at, low, high, color=colour, alpha=0.18, linewidth=0)
    axis.set_xticks(range(len(place)), KINDS[kind].shown, fontsize=8)
    axis.set(xlabel=KINDS[kind].axis, ylim=(0, 1))
    axis.set_title(KINDS[kind].title, fontsize=10)
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
