"""The table -> what leaks in it, and what leaking would have bought: the figures by which the corpus is judged."""

import logging
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fusion.snippets.corpus.extract import plain_hash
from fusion.snippets.dedup import near_pairs, signatures, similarity
from fusion.snippets.snippet import SPLITS, side

log = logging.getLogger(__name__)

LIKE = 0.8  # exact Jaccard similarity of token triples from which two snippets on two sides count as a leak
SEED = 2  # of the hashes the audit looks with; dedup.py dropped with others
MOST = 20_000  # snippets, drawn once, that the baselines learn from and are judged on
FEATURES = 1 << 18  # hashed character n-grams
GRAMS = (1, 4)  # characters
FEWEST_HELD_OUT = 100  # snippets of a label in a source, and elsewhere, that holding the source out needs


@dataclass(frozen=True)
class Overlap:
    """Snippets of validation and test that the training side knows."""

    exact: int  # the same text apart from white space
    near: int  # Jaccard similarity LIKE and more
    judged: int  # snippets of validation and test

    @property
    def share(self) -> float:
        return self.near / max(self.judged, 1)


def overlap(table: pa.Table) -> Overlap:
    """Table with a split -> Overlap, found with hashes of its own and verified on the texts."""
    texts, splits = table["text"].to_pylist(), np.array(table["split"].to_pylist(), object)
    known = {plain_hash(text) for text, split in zip(texts, splits, strict=True) if split == "train"}
    judged = np.flatnonzero(splits != "train")
    exact = sum(plain_hash(texts[row]) in known for row in judged)
    leaking = set()
    for one, other in near_pairs(signatures(texts, SEED), LIKE - 0.15):
        if (splits[one] == "train") == (splits[other] == "train"):
            continue
        row = one if splits[one] != "train" else other
        if row not in leaking and similarity(texts[one], texts[other]) >= LIKE:
            leaking.add(row)
    return Overlap(exact, len(leaking), len(judged))


@dataclass(frozen=True)
class Baseline:
    """How well a linear model over character n-grams does on one way of setting snippets apart."""

    name: str
    learnt: int  # snippets
    judged: int  # snippets
    accuracy: float
    macro_f1: float
    f1: dict[str, float]  # of each label


def baselines(table: pa.Table, seed: int) -> list[Baseline]:
    """The grouped split, a random split of the same sizes, and each source held out; MOST snippets in all."""
    drawn = table.select(["text", "label", "split", "source"]).take(_drawn(table["label"].to_pylist(), seed))
    labels, splits, sources = (np.array(drawn[x].to_pylist(), object) for x in ("label", "split", "source"))
    judge = _Judge(_counts(drawn["text"].to_pylist()), labels, seed)
    shuffled = np.random.default_rng(seed + 1).permutation(splits)
    found = [
        judge("split by project", splits == "train", splits == "test"),
        judge("split at random", shuffled == "train", shuffled == "test"),
    ]
    for source in sorted(set(sources)) if len(set(sources)) > 1 else []:
        held = sources == source
        shared = [x for x, n in Counter(labels[held]).items() if min(n, (labels[~held] == x).sum()) >= FEWEST_HELD_OUT]
        if len(shared) > 1:
            among = np.isin(labels, shared)
            found.append(judge(f"{source} held out, {len(shared)} labels", among & ~held, among & held))
    return found


def _drawn(labels: list[str], seed: int) -> np.ndarray:
    """Row numbers: of every label as many as MOST allows each, drawn by the seed."""
    share, held, rows = MOST // len(set(labels)), Counter[str](), []
    for row in np.random.default_rng(seed).permutation(len(labels)).tolist():
        held[labels[row]] += 1
        if held[labels[row]] <= share:
            rows.append(row)
    return np.array(sorted(rows))


def _counts(texts: list[str]) -> Any:
    """Texts (N) -> sparse (N, FEATURES), how often each hashed character n-gram occurs."""
    from sklearn.feature_extraction.text import HashingVectorizer

    settings = {"ngram_range": GRAMS, "n_features": FEATURES, "norm": None, "alternate_sign": False}
    return HashingVectorizer(analyzer="char", lowercase=False, **settings).transform(texts)


@dataclass(frozen=True)
class _Judge:
    """Learns on some rows with a linear model over tf-idf, and is judged on others."""

    counts: Any  # sparse (N, FEATURES)
    labels: np.ndarray  # (N,)
    seed: int

    def __call__(self, name: str, train: np.ndarray, test: np.ndarray) -> Baseline:
        from sklearn.feature_extraction.text import TfidfTransformer
        from sklearn.linear_model import SGDClassifier
        from sklearn.metrics import f1_score
        from sklearn.pipeline import make_pipeline

        learner = SGDClassifier(alpha=1e-5, class_weight="balanced", random_state=self.seed, max_iter=8, tol=None)
        model = make_pipeline(TfidfTransformer(sublinear_tf=True), learner).fit(self.counts[train], self.labels[train])
        predicted, truth = model.predict(self.counts[test]), self.labels[test]
        names = sorted(set(truth))
        scores = f1_score(truth, predicted, labels=names, average=None, zero_division=0)
        return Baseline(
            name, int(train.sum()), int(test.sum()), float((predicted == truth).mean()), float(scores.mean()),
            dict(zip(names, map(float, scores), strict=True)),
        )  # fmt: skip


def bands(table: pa.Table) -> dict[str, int]:
    """Snippets by length: '1-5' lines -> snippets."""
    lines = table["lines"].to_numpy()
    return {f"{low}-{high}": int(((lines >= low) & (lines <= high)).sum()) for low, high in ((1, 5), (6, 15), (16, 40))}


def by_label(table: pa.Table) -> list[dict[str, Any]]:
    """For each label: projects, snippets, lines, and its snippets on each side."""
    grouped = table.group_by("label").aggregate([("group", "count_distinct"), ("id", "count"), ("lines", "sum")])
    sides = {name: Counter(side(table, name)["label"].to_pylist()) for name in SPLITS}
    return [
        {
            "label": row["label"], "projects": row["group_count_distinct"], "snippets": row["id_count"],
            "lines": row["lines_sum"], **{name: sides[name][row["label"]] for name in SPLITS},
        }
        for row in grouped.sort_by("label").to_pylist()
    ]  # fmt: skip


def straddling(table: pa.Table) -> int:
    """Projects found on more than one side of the split: must be 0."""
    pairs = table.group_by(["group", "split"]).aggregate([])
    return int(
        pc.sum(pc.greater(pairs.group_by("group").aggregate([("split", "count")])["split_count"], 1)).as_py() or 0
    )
