"""The runner of one file: it reads texts as the compiled n-grams do, and answers as fusion does."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.fake_reader import some_picture
from tests.tiny import CODE, sample

from fusion.branches.ngrams import Ngrams
from fusion.exports.preprocessing import NGRAMS
from fusion.results.calibration import PRECISIONS, Calibration
from fusion.screenshots import user_images
from fusion.serving.classifier import Classifier, Sample, make_classifier, spread
from fusion.serving.runner import NgramReader, Runner, as_seen, windows
from fusion.snippets.corpus.windows import JOIN_LINES, MAX_LINES, MIN_LINES

KNOWN = ["def", "return", "self", "x9", "_a", "Größe"]
WINDOWS = {"min_lines": MIN_LINES, "join_lines": JOIN_LINES, "max_lines": MAX_LINES, "most": 8}
PIECES = [*"aZx_09.(){};#\n\r\t \v\fä€\0", "def", "self", "fooBar", "x9", "\n\n", "    "]
CODELIKE = st.lists(st.sampled_from(PIECES), max_size=80).map("".join)


@given(st.one_of(st.text(max_size=200), CODELIKE))
def test_texts_are_read_as_the_compiled_n_grams_read_them(text: str) -> None:
    expected, found = Ngrams(KNOWN).arrays([text]), NgramReader(NGRAMS, KNOWN)([text])
    for ids, weight in (("input_ids", "weight"), ("linear_ids", "linear_weight")):
        ours, theirs = by_id(expected[ids], expected[weight]), by_id(found[ids], found[weight])
        assert ours.keys() == theirs.keys()
        assert all(theirs[number] == pytest.approx(share, rel=1e-5) for number, share in ours.items())


def by_id(ids: np.ndarray, weight: np.ndarray) -> dict[int, float]:
    """The n-grams of one text and their weights, without what fills the row up."""
    return {int(number): float(share) for number, share in zip(ids[0], weight[0], strict=True) if share}


def test_a_long_text_is_cut_where_the_compiled_n_grams_cut_it() -> None:
    text = sample("python", 3, blocks=80)
    expected, found = Ngrams(KNOWN).arrays([text]), NgramReader(NGRAMS, KNOWN)([text])
    assert set(expected["input_ids"][0]) == set(found["input_ids"][0])


@given(st.lists(st.sampled_from(["", "  ", "a", "    b", "\tc"]), max_size=150))
def test_texts_are_cut_into_the_same_windows(lines: list[str]) -> None:
    text = "\n".join(lines)
    assert windows(text, WINDOWS) == spread(text)


@pytest.mark.parametrize("size", [(64, 48), (500, 90), (30, 700), (128, 128)])
def test_pictures_are_resized_as_fusion_does_but_for_rounding(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    ours, theirs = as_seen(picture, (64, 64), 32), user_images.as_seen(picture, (64, 64), 32)
    assert ours.shape == theirs.shape and np.abs(ours.astype(int) - theirs).max() <= 1


def test_it_answers_about_texts_as_the_run_does(nano: Path, nano_run: Path) -> None:
    texts, runner = [sample(label, i, blocks=1 + 12 * i) for i in range(3) for label in CODE], Runner(nano)
    expected = make_classifier(nano_run)([Sample(text) for text in texts])["all"]
    assert np.allclose([runner.of_text(text) for text in texts], expected, atol=1e-5)


def test_it_answers_about_pictures_as_the_run_does(fused: Path, trained: Path) -> None:
    classifier: Classifier = make_classifier(trained)
    picture = np.asarray(some_picture())
    expected = classifier([classifier.sample("", picture)])["image"][0]
    assert np.allclose(Runner(fused).of_picture(picture), expected, atol=0.02)  # pixels are rounded otherwise


def test_the_file_in_the_folder_needs_neither_fusion_nor_torch(nano: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(sample("css", 4))
    code = (
        "import sys, runpy\n"
        "sys.modules['torch'] = sys.modules['fusion'] = sys.modules['numba'] = None\n"
        f"sys.argv = ['runner.py', 'a.txt']\nrunpy.run_path({str(nano / 'runner.py')!r}, run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["path"] == "a.txt" and answer["label"] in CODE and 0 < answer["prob"] <= 1


def test_a_picture_is_refused_by_a_model_of_texts(nano: Path, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(SystemExit, match="sees no pictures"):
        Runner(nano).of_picture(np.zeros((8, 8, 3), np.uint8))


def test_probabilities_are_calibrated_by_length_and_modality(fused: Path) -> None:
    runner, logits = Runner(fused), np.array([[1.0, 2.0, 0.5]] * 3, np.float32)
    texts = ["a", "\n".join("abc"), "\n".join("abcdefgh")]
    thresholds = dict.fromkeys(PRECISIONS, (0.5,) * 3)
    of_view = {
        "all": Calibration((2.0,), thresholds),
        "text": Calibration((0.5, 3.0), thresholds, (2,), (1.0, 2.0, 0.5), (0.0, -1.0, 0.25)),
    }
    runner.meta["calibration"] = {view: json.loads(json.dumps(each.to_dict())) for view, each in of_view.items()}
    for modality, view in (("text", "text"), ("image", "all")):
        expected = of_view[view].probabilities(logits, np.array([1, 3, 8]))
        assert np.allclose(runner.calibrated(logits, modality, texts), expected)


def test_a_model_that_reads_pictures_is_not_asked_how_they_look(reads: Path) -> None:
    with pytest.raises(SystemExit, match="reads pictures, which this runner does not"):
        Runner(reads).of_picture(np.zeros((40, 60, 3), np.uint8))
