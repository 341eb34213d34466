"""A run folder -> its test snippets with their texts and its own answers, and the model to ask about more."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fusion.config.data import Rows, load_data_options
from fusion.config.errors import UserError
from fusion.config.paths import cache_dir
from fusion.results.record import read_run
from fusion.rivals.answers import Progress
from fusion.rivals.python_tools import folder_megabytes
from fusion.snippets import sources
from fusion.snippets.snippet import select_split
from fusion.snippets.user.stream import open_stream

COLUMNS = ["id", "label", "predicted", "group", "lines"]  # of predictions.parquet
TIMED = 200  # texts
AT_ONCE = 16  # pictures are large


@dataclass(frozen=True)
class OwnRun:
    """A completed run, and what it answered on its test split."""

    folder: Path
    record: dict[str, Any]  # run.json
    answered: pa.Table  # COLUMNS, by id and label

    @property
    def name(self) -> str:
        """Return what it is called in a table: its branches."""
        resolved = self.record.get("resolved") or {}
        names = (resolved.get("text"), self.record["config"]["backbone"]["name"])
        return " + ".join(str(name) for name in names if name not in (None, "none"))

    @property
    def classes(self) -> list[str]:
        """Return what it chooses from."""
        return list(self.record["classes"])

    @cached_property
    def predictor(self) -> Any:
        """Return the trained model, a Predictor that uses one thread. Raises UserError where it cannot be loaded."""
        import torch

        from fusion.serving.predictor import Predictor

        torch.set_num_threads(1)
        return Predictor(self.folder)

    @property
    def megabytes(self) -> float:
        """Return what its model takes on disk."""
        return folder_megabytes(self.folder / "model")

    def milliseconds(self, texts: Sequence[str]) -> float:
        """Return the median that one text takes, from text to label, of those at the beginning."""
        self.predictor.probabilities(texts[:1])  # compiles what is compiled
        seconds = []
        for text in texts[:TIMED]:
            clock = time.thread_time()
            self.predictor.probabilities([text])
            seconds.append(time.thread_time() - clock)
        return 1000 * float(np.median(seconds))

    def answers(self, texts: Sequence[str], picture_of: Callable[[int], np.ndarray]) -> np.ndarray:
        """Return the labels (N,) of texts and, for a model that looks at them, of the pictures they were read in."""
        classifier, labels = self.predictor.classifier, []
        for start in range(0, len(texts), AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, len(texts)))
            probabilities = classifier([classifier.sample(texts[i], picture_of(i)) for i in numbers])["all"]  # (B, C)
            labels += [classifier.classes[i] for i in probabilities.argmax(1)]
        return np.array(labels, object)


def open_run(folder: Path) -> OwnRun:
    """Return a run with its answers. Raises UserError for a folder without a completed run or without its answers."""
    record = read_run(folder)
    if record.get("status") != "completed":
        raise UserError(f"{folder} is no completed run (status {record.get('status', '?')}); give one that is.")
    try:
        table = pq.read_table(folder / "predictions.parquet", columns=["split", *COLUMNS])
    except (OSError, KeyError, pa.ArrowException) as error:
        why = type(error).__name__
        raise UserError(f"{folder / 'predictions.parquet'} cannot be read ({why}); train the run again.") from error
    table = table.filter(pc.equal(table["split"], "test")).sort_by([("id", "ascending"), ("label", "ascending")])
    if not table.num_rows:
        raise UserError(f"{folder} has no test snippets to ask other tools about; give a run whose data has some.")
    return OwnRun(folder, record, table.select(COLUMNS))


def texts_of(run: OwnRun, ids: Sequence[str], progress: Progress) -> list[str]:
    """Return the texts of test snippets. Raises UserError where the run's data no longer has them."""
    given = run.record["config"]["data"]
    data = load_data_options(given.get("set") or given["kind"], **given)  # what the run knew nothing of is as usual
    if isinstance(data, Rows) and data.streaming:
        table = open_stream(data, cache_dir()).table
    else:
        table = sources.load(data, cache_dir(), progress)
    test = select_split(table, "test")
    text_of = dict(zip(test["id"].to_pylist(), test["text"].to_pylist(), strict=True))
    if missing := [id for id in ids if id not in text_of]:
        raise UserError(
            f"The data of {run.folder} no longer has {len(missing)} of these {len(ids)} test snippets; train it again."
        )
    return [text_of[id] for id in ids]


def same_snippets(run: OwnRun, ids: Sequence[str], labels: Sequence[str]) -> np.ndarray:
    """Return a run's answers (N,) to snippets of another run. Raises UserError where it was not asked about them."""
    columns = (run.answered[name].to_pylist() for name in ("id", "label", "predicted"))
    answer_of = {(id, label): predicted for id, label, predicted in zip(*columns, strict=True)}
    asked = list(zip(ids, labels, strict=True))
    if missing := sum(key not in answer_of for key in asked):
        raise UserError(
            f"--baseline {run.folder} was not tested on {missing} of these {len(asked)} snippets; "
            "give a run on the same data and split."
        )
    return np.array([answer_of[key] for key in asked], object)
