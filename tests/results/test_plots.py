"""Curves and the confusion matrix: whole PNG files, whatever the labels and however short the run."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from fusion.results import plots
from fusion.results.curves import ANSWERS, KINDS, point

EPOCH = {"train_loss": 0.5, "val_loss": 0.6, "train_accuracy": 0.7, "val_accuracy": 0.6}
HOSTILE = ["$x^", "$\\frac{$", "[/]", "_hidden", "", "two\nlines", "日本", "🦀", "हिन्दी", "\\", "%s{}", "<script>",
           "x" * 300]  # fmt: skip


def picture(path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("L"))


@pytest.fixture(autouse=True)
def nothing_left(tmp_path):
    yield
    left = plt.get_fignums()
    plt.close("all")
    assert left == []  # a sweep draws hundreds
    assert not [path for path in tmp_path.rglob(".*") if path.is_file()]


def drawn(figures, axis: int) -> dict[str, list]:
    return {line.get_label(): line.get_xydata().tolist() for line in figures[0].axes[axis].lines}


@pytest.fixture
def figures(monkeypatch):
    """The figures as they are when they are saved."""
    seen = []
    save = plots._save
    monkeypatch.setattr(plots, "_save", lambda figure, path: (seen.append(figure), save(figure, path)))
    return seen


def test_curves_show_each_epoch_of_both_sides(tmp_path, figures):
    epochs = [EPOCH | {"epoch": 1}, EPOCH | {"epoch": 2, "train_loss": 0.25}]
    plots.curves(epochs, tmp_path / "plots" / "curves.png")
    assert picture(tmp_path / "plots" / "curves.png").std() > 0
    assert drawn(figures, 0) == {"training": [[1, 0.5], [2, 0.25]], "validation": [[1, 0.6], [2, 0.6]]}
    assert drawn(figures, 1) == {"training": [[1, 0.7], [2, 0.7]], "validation": [[1, 0.6], [2, 0.6]]}


@pytest.mark.parametrize(
    "epochs",
    [[], [{"epoch": 1}], [{"epoch": 1, "train_loss": float("nan"), "val_loss": float("inf")}], [EPOCH | {"epoch": 1}]],
)
@pytest.mark.filterwarnings("ignore:No artists with labels")
def test_curves_of_a_short_or_broken_run_are_drawn(tmp_path, epochs):
    plots.curves(epochs, tmp_path / "curves.png")
    picture(tmp_path / "curves.png")


def fold(*accuracies: float) -> list[dict[str, float]]:
    return [EPOCH | {"epoch": i, "val_accuracy": reached} for i, reached in enumerate(accuracies, 1)]


def test_a_band_is_the_sample_standard_deviation_wide(tmp_path, figures):
    plots.bands([fold(0.4, 0.6), fold(0.6, 0.6), fold(0.8)], tmp_path / "folds.png")
    assert drawn(figures, 1)["validation"] == [[1, pytest.approx(0.6)], [2, pytest.approx(0.6)]]
    first = [y for path in figures[0].axes[1].collections[1].get_paths() for x, y in path.vertices if x == 1]
    assert [min(first), max(first)] == pytest.approx([0.6 - 0.2, 0.6 + 0.2]), "as folds.json has it"


@pytest.mark.parametrize(("runs", "epochs"), [([fold(0.4, 0.6)], set()), ([fold(0.4, 0.6), fold(0.6)], {1})])
@pytest.mark.filterwarnings("error")
def test_one_fold_alone_has_no_band(tmp_path, figures, runs, epochs):
    plots.bands(runs, tmp_path / "folds.png")
    assert len(drawn(figures, 1)["validation"]) == 2
    bands = figures[0].axes[1].collections
    assert {x for band in bands for path in band.get_paths() for x, _ in path.vertices} == epochs


def test_the_matrix_counts_truth_down_and_answers_across(tmp_path, figures):
    plots.confusion(["a", "a", "a", "b"], ["a", "a", "b", "b"], ["a", "b", "never"], tmp_path / "c.png")
    axis = figures[0].axes[0]
    cells = {text.get_position(): text.get_text() for text in axis.texts}
    assert cells == {(0, 0): "2", (1, 0): "1", (1, 1): "1"}  # (answer, truth)
    share = axis.images[0].get_array()
    assert np.allclose(share, [[2 / 3, 1 / 3, 0], [0, 1, 0], [0, 0, 0]])
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b", "never"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("label", HOSTILE)
def test_any_label_can_be_drawn(tmp_path, label):
    plots.confusion([label, "b"], [label, label], [label, "b"], tmp_path / "c.png")
    picture(tmp_path / "c.png")


@pytest.mark.parametrize("classes", [1, 40])
def test_one_class_and_many_are_drawn(tmp_path, classes):
    names = [f"class {i}" for i in range(classes)]
    plots.confusion(names, names, names, tmp_path / "c.png")
    assert min(picture(tmp_path / "c.png").shape) > 300


def test_a_figure_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    plots.curves([EPOCH | {"epoch": 1}], tmp_path / "curves.png")
    before = (tmp_path / "curves.png").read_bytes()

    def fail(*_, **__):
        raise OSError("no room")

    monkeypatch.setattr(plt.Figure, "savefig", fail)
    with pytest.raises(OSError, match="no room"):
        plots.curves([EPOCH | {"epoch": 1}], tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes() == before


def test_robustness_has_a_panel_a_kind_a_line_an_answer_and_bands(tmp_path, figures):
    right = np.arange(9) % 3 > 0
    kinds = {"lines": ["text", "picture, read"], "typos": ["text"], "blur": ["picture, read"], "cut": ["picture, seen"]}
    points = [
        point(kind, answer, value, right, np.arange(9) // 2)
        for kind, answers in (kinds | {"ocr": ["text"]}).items()
        for answer in answers
        for value in KINDS[kind].values[1:]  # of the first there were no snippets
    ]
    plots.robustness(points, tmp_path / "curves.png")
    assert min(picture(tmp_path / "curves.png").shape) > 300
    assert [axis.get_title() for axis in figures[0].axes] == [KINDS[kind].title for kind in (*kinds, "ocr")]
    assert set(drawn(figures, 0)) == {"text", "picture, read"} and set(drawn(figures, 3)) == {"picture, seen"}
    assert drawn(figures, 2)["picture, read"] == [[i, pytest.approx(2 / 3)] for i in range(1, 6)]
    assert [len(axis.collections) for axis in figures[0].axes] == [2, 1, 1, 1, 1]
    assert [text.get_text() for text in figures[0].legends[0].get_texts()] == ["text", "picture, read", "picture, seen"]


def test_colours_and_markers_tell_all_answers_apart():
    assert len(set(plots.COLOURS)) == len(plots.COLOURS) == len(ANSWERS)
    assert set(plots.MARKERS) == {given for given, _ in ANSWERS}
