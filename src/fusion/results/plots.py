"""metrics.csv and predictions -> curves.png and confusion.png."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from fusion.files import replacing


def _save(figure: plt.Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with replacing(path) as part, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing")  # labels in any script
            figure.savefig(part, format="png", dpi=120, bbox_inches="tight")
    finally:
        plt.close(figure)


def curves(epochs: Sequence[dict[str, float]], path: Path) -> None:
    """One dict an epoch -> loss and accuracy of training and validation, side by side."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2))
    for axis, what in zip(axes, ("loss", "accuracy"), strict=True):
        for side in ("train", "val"):
            points = [(e["epoch"], e[f"{side}_{what}"]) for e in epochs if f"{side}_{what}" in e]
            if points:
                axis.plot(
                    *zip(*points, strict=True), marker="o", label={"train": "training", "val": "validation"}[side]
                )
        axis.set(xlabel="epoch", ylabel=what)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        axis.legend(frameon=False)
    axes[1].set_ylim(0, 1)
    _save(figure, path)


def rates(rates: Sequence[float], losses: Sequence[float], chosen: float, path: Path) -> None:
    """A range test -> its smoothed loss over the learning rate, the chosen one marked."""
    figure, axis = plt.subplots(figsize=(4.5, 3.2))
    axis.plot(rates, losses)
    axis.axvline(chosen, color="tab:red", linestyle="--", label=f"chosen: {chosen:g}")
    axis.set(xscale="log", xlabel="learning rate", ylabel="training loss, smoothed")
    axis.grid(alpha=0.3)
    axis.legend(frameon=False)
    _save(figure, path)


def bands(runs: Sequence[Sequence[dict[str, float]]], path: Path) -> None:
    """Epochs of several runs -> mean and sample standard deviation of loss and accuracy, side by side.

    An epoch that only some of the runs reached is the mean over those; one that a single run did has no deviation.
    """
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2))
    longest = max(runs, key=len)
    for axis, what in zip(axes, ("loss", "accuracy"), strict=True):
        for side, label in (("train", "training"), ("val", "validation")):
            held = [[run[i][f"{side}_{what}"] for run in runs if i < len(run)] for i in range(len(longest))]
            mean = np.array([np.mean(values) for values in held])
            deviation = np.array([np.std(values, ddof=1) if len(values) > 1 else np.nan for values in held])
            epochs = [epoch["epoch"] for epoch in longest]
            axis.plot(epochs, mean, marker="o", label=label)
            axis.fill_between(epochs, mean - deviation, mean + deviation, alpha=0.2)
        axis.set(xlabel="epoch", ylabel=what)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        axis.legend(frameon=False)
    axes[0].set_title(f"mean ± standard deviation of {len(runs)} folds", fontsize=9)
    axes[1].set_ylim(0, 1)
    _save(figure, path)


def confusion(labels: Sequence[str], predicted: Sequence[str], classes: Sequence[str], path: Path) -> None:
    """True and predicted labels -> matrix of row shares, counts written into its cells."""
    number = {name: i for i, name in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), int)  # (true, predicted)
    for truth, answer in zip(labels, predicted, strict=True):
        counts[number[truth], number[answer]] += 1
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = max(4.0, 0.45 * len(classes) + 1.5)  # inches
    figure, axis = plt.subplots(figsize=(side, side))
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    names = [name.replace("$", r"\$") for name in classes]  # no mathematics in labels
    axis.set_xticks(range(len(classes)), names, rotation=60, ha="right")
    axis.set_yticks(range(len(classes)), names)
    axis.set(xlabel="predicted", ylabel="true")
    for row, column in zip(*counts.nonzero(), strict=True):
        ink = "white" if share[row, column] > 0.5 else "black"
        axis.text(column, row, str(counts[row, column]), ha="center", va="center", color=ink, fontsize=7)
    _save(figure, path)


def learning(looks: Sequence[dict[str, float]], path: Path) -> None:
    """One dict a look: pictures, train_accuracy, val_accuracy, val_low, val_high -> accuracy against pictures seen."""
    figure, axis = plt.subplots(figsize=(6.5, 3.6))
    pictures = [look["pictures"] / 1000 for look in looks]
    axis.plot(pictures, [look["train_accuracy"] for look in looks], label="fresh pictures of training projects")
    axis.plot(pictures, [look["val_accuracy"] for look in looks], marker=".", label="other projects")
    axis.fill_between(pictures, [look["val_low"] for look in looks], [look["val_high"] for look in looks],
                      color="C1", alpha=0.25, linewidth=0)  # fmt: skip
    axis.set(xlabel="thousand pictures seen", ylabel="accuracy")
    axis.set_xlim(left=0)
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    axis.legend(frameon=False)
    _save(figure, path)
