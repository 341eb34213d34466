"""Training rows -> the linear member that knows which words an editor colours in each language."""

import logging
import time

from fusion.branches.linear_member import fit_linear_member
from fusion.branches.ngrams import Ngrams
from fusion.config.schema import Config
from fusion.console import progress
from fusion.datamodule import SnippetDataset
from fusion.model.checkpoint import Model
from fusion.results.record import Record
from fusion.training.data import RunData

log = logging.getLogger(__name__)

AT_ONCE = 256  # texts


def fit_colours(config: Config, model: Model, data: RunData, record: Record) -> None:
    """Fit the member on training texts, their words marked as the run's own pictures colour them; none is drawn."""
    if model.net.colours is None or data.renderer is None:
        return
    assert isinstance(model.tokenizer, Ngrams)
    clock, dataset = time.monotonic(), SnippetDataset(data.table, "train")
    rows = dataset[range(len(dataset))]
    coloured: list[str] = []
    for start in progress(range(0, len(dataset), AT_ONCE), "colouring texts", -(-len(dataset) // AT_ONCE)):
        part = slice(start, start + AT_ONCE)
        coloured += data.renderer.marked(rows["text"][part], rows["id"][part], 0, rows["label"][part])
    size = len(model.net.colours.buckets)
    model.net.colours = fit_linear_member(rows | {"text": coloured}, data.classes, model.tokenizer, size, config.seed)
    seconds = round(time.monotonic() - clock, 1)
    record.content["timings"]["colours_seconds"] = seconds
    log.info("colours: a linear model of %d n-grams, fitted in %.0f s", size, seconds)
