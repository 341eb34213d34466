"""A trained model and damaged test snippets -> which of its answers are right, given the text or a picture of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fusion.config.errors import UserError
from fusion.config.paths import cache_dir
from fusion.config.render import DEFAULT_FONT, Size, load_render_options
from fusion.config.schema import load_config
from fusion.model import checkpoint
from fusion.results.curves import ANSWERS, BY_LINES, KINDS, Point, has_length, point
from fusion.results.record import read_run
from fusion.results.statistics import draw_evenly
from fusion.screenshots import damage
from fusion.screenshots.renderer import Renderer
from fusion.serving.classifier import Classifier, Sample, make_renderer
from fusion.snippets import corrupt
from fusion.snippets.snippet import key_of, select_split, split_hash

PICTURE = Size(700, 500)  # of a model that sees none
Right = dict[str, np.ndarray]  # answer -> which are right (N,) bool
Progress = Callable[[Iterable[Any], str, int], Iterable[Any]]


def load_snippets(folder: Path) -> pa.Table:
    """Return the snippets that a run was tested on. Raises UserError where its data cannot be had or are others."""
    from fusion.snippets.user.stream import open_stream
    from fusion.training.data import load_table  # brings Lightning

    run = read_run(folder)
    if run.get("status") != "completed":
        raise UserError(f"{folder} is {run.get('status', 'just begun')}; give the folder of a completed run.")
    config = load_config(run["config"])
    table = open_stream(config.data, cache_dir()).table if config.is_streamed else load_table(config)  # type: ignore[arg-type]
    had, has = run.get("data_hash", run.get("split_hash")), split_hash(table)
    if had != has:
        raise UserError(
            f"The data of {folder} are no longer those it was trained on (hash {had} then, {has} now), so its test "
            "snippets cannot be told; train again with python -m fusion.train."
        )
    test = select_split(table, "test")
    test = test.filter(pc.not_equal(pc.utf8_trim_whitespace(test["text"]), ""))  # own pictures may come without a text
    if not test.num_rows:
        raise UserError(f"The test side of {folder} has no texts, so there is nothing to damage; give another run.")
    return test


class Trial:
    """A trained model and a seed of damage: what is given, and how it was changed -> which answers are right."""

    def __init__(self, folder: Path, seed: int):
        self.classifier, self.seed = Classifier(checkpoint.load(folder / "model")), seed
        editor = load_render_options("editor", font=DEFAULT_FONT)
        if self.classifier.renderer is None:
            self.renderer = Renderer(editor, PICTURE, min(PICTURE), seed)
        else:
            self.renderer = make_renderer(self.classifier.meta, knows_labels=True)

    def given(self, kind: str) -> list[str]:
        """Return what to give for a kind of change: the text, a picture of it, or first one and then the other."""
        if kind not in BY_LINES:
            return ["text"] if kind in corrupt.KINDS else ["picture"]
        return ["text", "picture"] if "text" in self.classifier.modalities else ["text"]

    def __call__(self, snippets: pa.Table, given: str, kind: str, value: float) -> Right:
        """Give the text, or a picture of it to be read, and return which answers are right, of each view."""
        ids, labels = snippets["id"].to_pylist(), np.array(snippets["label"].to_pylist())
        pairs = zip(ids, snippets["text"].to_pylist(), strict=True)
        texts = [self._changed_text(text, id, kind, value) for id, text in pairs]
        samples, is_read = [self.classifier.sample(text) for text in texts], np.full(len(texts), True)
        if given == "picture":
            rows = zip(ids, texts, labels.tolist(), strict=True)
            samples, is_read = self._seen(self._picture(text, id, label, kind, value) for id, text, label in rows)
        right, classes = {}, np.array(self.classifier.classes)
        for view, probabilities in self.classifier(samples).items():
            if (name := self._answer_of(given, view)) is not None:
                correct = classes[probabilities.argmax(1)] == labels
                right[ANSWERS[given, name]] = correct if name == "image" else correct & is_read
        return right

    def _answer_of(self, given: str, view: str) -> str | None:
        """Return which branches a view is the answer of, in the words of ANSWERS; None where it is no answer."""
        modalities = self.classifier.modalities
        if len(modalities) == 1:
            return modalities[0]
        if not self.classifier.reads:
            return view
        if given == "text":  # no picture is drawn of it
            return "text" if view == "all" else None
        return {"all": "all", "read": "text", "image": "image"}.get(view)

    def _rng(self, kind: str, id: str) -> np.random.Generator:
        """Return chance that is the same for every strength, so that a stronger damage adds to a weaker one."""
        return np.random.default_rng(key_of(self.seed, kind, id))

    def _changed_text(self, text: str, id: str, kind: str, value: float) -> str:
        if kind == "lines":
            return "\n".join(text.split("\n")[: int(value)])
        return corrupt.corrupt(text, kind, value, self._rng(kind, id)) if kind in corrupt.KINDS else text

    def _picture(self, text: str, id: str, label: str, kind: str, value: float) -> np.ndarray:
        """Return the screenshot, (H, W, 3) uint8, as it is before a branch sees it, damaged."""
        (picture,) = self.renderer.source([text], [id], None, [label])
        return damage.damage(picture, kind, value, self._rng(kind, id)) if kind in damage.KINDS else picture

    def _seen(self, pictures: Iterable[np.ndarray]) -> tuple[list[Sample], np.ndarray]:
        """Return what to ask about pictures, and in which of them (N,) code was read."""
        from fusion.reading.reader import read_picture

        samples, is_read = [], []
        for picture in pictures:
            text, transcript = "", None
            if "text" in self.classifier.modalities:
                transcript = read_picture(picture)
                text = transcript.text if transcript.is_code else ""
            samples.append(self.classifier.sample("" if self.classifier.reads else text, picture, transcript))
            is_read.append(bool(text.strip()))
        return samples, np.array(is_read)


def measure(
    trial: Trial, snippets: pa.Table, kinds: Sequence[str], limits: Mapping[str, int], progress: Progress
) -> Iterator[Point]:
    """Yield the points of all curves. limits: most snippets of a point, where the text and where a picture is given."""
    projects, lines = np.array(snippets["group"].to_pylist()), snippets["lines"].to_numpy()
    unchanged: dict[str, Right] = {}  # of what is given; the same for every damage
    for kind, given in [(name, each) for name in kinds for each in trial.given(name)]:
        values = KINDS[kind].values
        for value in progress(values, f"{KINDS[kind].title}, {given}s", len(values)):
            rows = np.flatnonzero(has_length(kind, value, lines))
            rows = rows[draw_evenly(projects[rows], limits[given], trial.seed)]
            if not len(rows):
                continue
            if value:
                right = trial(snippets.take(rows), given, kind, value)
            else:
                right = unchanged[given] = unchanged.get(given) or trial(snippets.take(rows), given, kind, value)
            for answer, correct in right.items():
                yield point(kind, answer, value, correct, projects[rows])
