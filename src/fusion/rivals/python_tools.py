"""Tools that Python can import: Magika and Pygments' guess_lexer."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fusion.rivals.rival import Answer, Missing, Rival


@contextmanager
def magika() -> Iterator[Rival]:
    """Magika's best guess, with the model that its wheel brings; in that mode it does not answer `txt` for unsure."""
    try:
        import magika
        from onnxruntime import InferenceSession, SessionOptions
    except ImportError as error:
        raise Missing("not installed; pip install 'fusion[rivals]'") from error

    tool, options = magika.Magika(prediction_mode=magika.PredictionMode.BEST_GUESS), SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:  # Magika keeps the scores of all labels to itself, and its session takes all cores
        session = _Recorded(InferenceSession(tool._model_path, options, providers=["CPUExecutionProvider"]))
        tool._onnx_session, labels = session, list(tool._target_labels_space)
    except AttributeError as error:
        raise Missing(f"version {version('magika')} is built otherwise than 1.0, which is asked here") from error

    def answer(text: str) -> Answer:
        session.scores = None  # stays so for a text of a few bytes, which the model is not asked about
        found, milliseconds = _timed(tool.identify_bytes, text.encode("utf-8", "replace"))
        first = str(found.prediction.output.label)
        order: Iterable[int] = () if session.scores is None else (-session.scores).argsort(kind="stable")
        ranked = (first, *(label for i in order if (label := labels[i]) != first))
        return Answer(ranked, float(found.prediction.score), milliseconds)

    answer("x = 1\n" * 8)  # the first call is slower
    yield Rival("magika", version("magika"), _megabytes(magika), answer, ranks_all=True)


class _Recorded:
    """A session that remembers the scores (labels,) of its last call."""

    def __init__(self, session: Any):
        self.session, self.scores = session, None

    def run(self, names: Any, inputs: Any) -> Any:
        outputs = self.session.run(names, inputs)
        self.scores = outputs[0][0]
        return outputs


@contextmanager
def pygments() -> Iterator[Rival]:
    """Pygments' guess_lexer, which asks those of its lexers that know a sign of their language."""
    import pygments
    from pygments.lexers import guess_lexer

    def answer(text: str) -> Answer:
        lexer, milliseconds = _timed(guess_lexer, text)
        return Answer((lexer.name,), 0.0, milliseconds)

    answer("x = 1\n")  # imports all lexers
    yield Rival("pygments", version("pygments"), _megabytes(pygments), answer)


def _timed(call: Any, text: Any) -> tuple[Any, float]:
    """Return what a call returns, and how many milliseconds of this thread's processor it took."""
    clock = time.thread_time()
    found = call(text)
    return found, 1000 * (time.thread_time() - clock)


def _megabytes(module: Any) -> float:
    return folder_megabytes(Path(module.__file__).parent)


def folder_megabytes(folder: Path) -> float:
    """Return what the files of a folder take, without what Python compiled."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return sum(path.stat().st_size for path in files) / 1e6
