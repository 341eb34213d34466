"""Texts, pictures or both, in Python -> predictions, by a model that is loaded once: what `fusion.load` returns."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from fusion.config.errors import UserError
from fusion.screenshots.user_images import Source
from fusion.serving.decision import AnswerOptions
from fusion.serving.inputs import Input, read_input
from fusion.serving.prediction import Prediction
from fusion.serving.predictor import Predictor
from fusion.weights import shipped_model

Item = str | Path | Mapping[str, str | Source]  # a text, a file, or {"text": ..., "image": ...}


class TrainedModel:
    """A trained model: `predict` tells what one piece of code is, `predict_many` what many are.

    mode: how often answers must be right, else the label is unknown: high_confidence (95 %), medium_confidence (85 %,
    the default), best_guess (however often). labels: the only ones to answer with. top: how many `top_k` lists.
    set: a probability; `.set` then has the labels that hold the right one with it.

    >>> model = TrainedModel(RUN)
    >>> model.classes
    ('c', 'css', 'python')
    >>> answer = model.predict("def add(a, b):\\n    return a + b\\n", mode="best_guess", set=0.9)
    >>> answer.decision, answer.label in model.classes, answer.label in answer.set["labels"]
    ('accepted', True, True)
    >>> [answer.status for answer in model.predict_many(["int main(void) { return 0; }", Path("not_there.c")])]
    ['ok', 'not_found']
    """

    def __init__(self, run: Path | str | None = None):
        """Load a run folder or its model folder; None: the model that fusion ships."""
        self._predictor = Predictor(shipped_model() if run is None else Path(run))

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the labels that it knows."""
        return tuple(self._predictor.classes)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Return what it looks at: text, image, or both."""
        return tuple(self._predictor.classifier.modalities)

    def predict(
        self, text: str | None = None, image: Source | None = None, *, mode: str = "medium_confidence",
        labels: Sequence[str] = (), top: int = 5, set: float | None = None,
    ) -> Prediction:  # fmt: skip
        """Return what a text, a picture of code, or a text and its picture are.

        image: whatever read_screenshot takes. Without a text, the text is read in it. What cannot be read is an answer
        with a status and an error, as in predict_many. Raises UserError for options that the model does not know.
        """
        item = as_input(text, image)
        (answer,) = self._with(mode, labels, top, set).predict([item])
        return answer

    def predict_many(
        self, items: Iterable[Item], *, mode: str = "medium_confidence", labels: Sequence[str] = (), top: int = 5,
        set: float | None = None,
    ) -> Iterator[Prediction]:  # fmt: skip
        """Yield what each item is, in their order: a text, the path of a file, or a dict of text, image or both.

        A str is a text, a path is a Path. Items are taken as they are needed, some at a time. Options are checked at
        once.
        """
        return self._with(mode, labels, top, set).predict(map(_item_as_input, items))

    def _with(self, mode: str, labels: Sequence[str], top: int, level: float | None) -> Predictor:
        if isinstance(labels, str):
            raise UserError(f"labels={labels!r} is a text; give a list, such as [{labels!r}].")
        return self._predictor.with_options(AnswerOptions(mode, tuple(labels), top, level))


def as_input(text: str | None = None, image: Source | None = None) -> Input:
    """Return a text, a picture or both as what a Predictor takes. Raises UserError for neither and for other types."""
    if text is None and image is None:
        raise UserError("There is nothing to predict: give a text, an image, or both.")
    if text is not None and not isinstance(text, str):
        raise UserError(f"text is {type(text).__name__}; give a str, or the path of a file to predict_many.")
    text = (text or "").encode("utf-8", "replace").decode()  # a lone surrogate is no text
    size, is_blank = len(text.encode()), not text.strip()
    if image is None:
        return Input("", "empty" if is_blank else "ok", text, size, "utf-8")
    path = ""
    if isinstance(image, Path | str):
        found = read_input(str(image))  # says what is wrong with a path; what it holds is opened later
        if found.status in ("not_found", "unreadable"):
            return found
        path, image = found.path, Path(image)
    return Input(path, "ok", "" if is_blank else text, size, None if is_blank else "utf-8", picture=image)


def _item_as_input(item: Item) -> Input:
    """Return one item of predict_many as an input."""
    if isinstance(item, Path):
        return read_input(str(item))
    if isinstance(item, str):
        return as_input(item)
    if not isinstance(item, Mapping) or not item or not item.keys() <= {"text", "image"}:
        what = f"a dict of {', '.join(map(str, item))}" if isinstance(item, Mapping) else type(item).__name__
        raise UserError(f"{what} cannot be predicted; give a text, a Path, or a dict of text, image or both.")
    return as_input(**item)  # type: ignore[arg-type]
