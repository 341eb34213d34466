"""Table -> what leaks from its training split, and how well a simple model does: the figures to judge a corpus by."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fusion.languages import OTHER
from fusion.snippets.corpus.extract import whitespace_normalised_hash
from fusion.snippets.corpus.kinds import KINDS, kind_of
from fusion.snippets.dedup import jaccard_similarity, near_pairs, signatures
from fusion.snippets.other.kinds import other_kind
from fusion.snippets.snippet import SPLITS, select_split

LEAK = 0.8  # exact Jaccard similarity of token triples from which a snippet counts as known from train
SEED = 2  # of the hashes the audit looks with; dedup.py dropped with others
MAX_SNIPPETS = 20_000  # drawn once, that the baselines are trained and evaluated on
FEATURES = 1 << 18  # hashed character n-grams
NGRAM_RANGE = (1, 4)  # characters
MIN_PER_LABEL = 100  # snippets of a label in a source, and elsewhere, that holding the source out needs
LENGTHS = ((1, 5), (6, 15), (16, 40))  # lines


@dataclass(frozen=True)
class Overlap:
    """Snippets of validation and test that the training split knows."""

    exact: int  # the same text apart from white space
    near: int  # Jaccard similarity LEAK and more
    evaluated: int  # snippets of validation and test

    @property
    def share(self) -> float:
        """Return the part of the evaluated snippets that is near one of train."""
        return self.near / max(self.evaluated, 1)


def overlap(table: pa.Table) -> Overlap:
    """Table with a split -> Overlap, found with hashes of its own and verified on the texts."""
    texts, splits = table["text"].to_pylist(), np.array(table["split"].to_pylist(), object)
    in_train = {whitespace_normalised_hash(text) for text, split in zip(texts, splits, strict=True) if split == "train"}
    evaluated = np.flatnonzero(splits != "train")
    exact = sum(whitespace_normalised_hash(texts[row]) in in_train for row in evaluated)
    leaking = set()
    for first, second in near_pairs(signatures(texts, SEED), LEAK - 0.15):
        if (splits[first] == "train") == (splits[second] == "train"):
            continue
        row = first if splits[first] != "train" else second
        if row not in leaking and jaccard_similarity(texts[first], texts[second]) >= LEAK:
            leaking.add(row)
    return Overlap(exact, len(leaking), len(evaluated))


@dataclass(frozen=True)
class Baseline:
    """Scores of a linear model over character n-grams on one way to split the snippets."""

    name: str
    trained_on: int  # snippets
    evaluated_on: int  # snippets
    accuracy: float
    macro_f1: float
    f1: dict[str, float]  # of each label


@dataclass(frozen=True)
class Sample:
    """Snippets that linear models are trained and evaluated on."""

    table: pa.Table
    counts: Any  # sparse (N, FEATURES), how often each hashed character n-gram occurs


def sample(table: pa.Table, seed: int) -> Sample:
    """Table -> MAX_SNIPPETS of it, of every label as many as that allows each."""
    drawn = table.take(_draw(table["label"].to_pylist(), seed))
    return Sample(drawn, _counts(drawn["text"].to_pylist()))


def baselines(drawn: Sample, seed: int) -> list[Baseline]:
    """Score the grouped split, a random split of the same sizes, and each source held out."""
    labels, splits, sources = (np.array(drawn.table[x].to_pylist(), object) for x in ("label", "split", "source"))
    score = _Scorer(drawn.counts, labels, seed)
    shuffled = np.random.default_rng(seed + 1).permutation(splits)
    scores = [
        score("split by project", splits == "train", splits == "test"),
        score("split at random", shuffled == "train", shuffled == "test"),
    ]
    for source in sorted(set(sources)) if len(set(sources)) > 1 else []:
        held_out = sources == source
        counts = Counter(labels[held_out])
        shared = [label for label, n in counts.items() if min(n, (labels[~held_out] == label).sum()) >= MIN_PER_LABEL]
        if len(shared) > 1:
            chosen = np.isin(labels, shared)
            scores.append(score(f"{source} held out, {len(shared)} labels", chosen & ~held_out, chosen & held_out))
    return scores


def _draw(labels: list[str], seed: int) -> np.ndarray:
    """Return row numbers: of every label as many as MAX_SNIPPETS allows each, drawn by the seed."""
    share, counts, rows = MAX_SNIPPETS // len(set(labels)), Counter[str](), []
    for row in np.random.default_rng(seed).permutation(len(labels)).tolist():
        counts[labels[row]] += 1
        if counts[labels[row]] <= share:
            rows.append(row)
    return np.array(sorted(rows))


def _counts(texts: list[str]) -> Any:
    """Texts (N) -> sparse (N, FEATURES), how often each hashed character n-gram occurs."""
    from sklearn.feature_extraction.text import HashingVectorizer

    settings = {"ngram_range": NGRAM_RANGE, "n_features": FEATURES, "norm": None, "alternate_sign": False}
    return HashingVectorizer(analyzer="char", lowercase=False, **settings).transform(texts)


@dataclass(frozen=True)
class _Scorer:
    """Trains a linear model over tf-idf on some rows, and evaluates it on others."""

    counts: Any  # sparse (N, FEATURES)
    labels: np.ndarray  # (N,)
    seed: int

    def __call__(self, name: str, train: np.ndarray, test: np.ndarray) -> Baseline:
        from sklearn.feature_extraction.text import TfidfTransformer
        from sklearn.linear_model import SGDClassifier
        from sklearn.metrics import f1_score
        from sklearn.pipeline import make_pipeline

        classifier = SGDClassifier(alpha=1e-5, class_weight="balanced", random_state=self.seed, max_iter=8, tol=None)
        model = make_pipeline(TfidfTransformer(sublinear_tf=True), classifier)
        model.fit(self.counts[train], self.labels[train])
        predicted, truth = model.predict(self.counts[test]), self.labels[test]
        names = sorted(set(truth))
        scores = f1_score(truth, predicted, labels=names, average=None, zero_division=0)
        return Baseline(
            name, int(train.sum()), int(test.sum()), float((predicted == truth).mean()), float(scores.mean()),
            dict(zip(names, map(float, scores), strict=True)),
        )  # fmt: skip


def by_length(table: pa.Table) -> dict[str, int]:
    """Return '1-5' lines -> snippets, and so on."""
    lines = table["lines"].to_numpy()
    return {f"{low}-{high}": int(((lines >= low) & (lines <= high)).sum()) for low, high in LENGTHS}


def by_label(table: pa.Table) -> list[dict[str, Any]]:
    """Return the projects, snippets and lines of each label, and its snippets in each split."""
    grouped = table.group_by("label").aggregate([("group", "count_distinct"), ("id", "count"), ("lines", "sum")])
    counts = {split: Counter(select_split(table, split)["label"].to_pylist()) for split in SPLITS}
    return [
        {
            "label": row["label"], "projects": row["group_count_distinct"], "snippets": row["id_count"],
            "lines": row["lines_sum"], **{split: counts[split][row["label"]] for split in SPLITS},
        }
        for row in grouped.sort_by("label").to_pylist()
    ]  # fmt: skip


def by_kind(table: pa.Table) -> list[dict[str, Any]]:
    """Return the snippets of each kind that each label has: tests, examples, scripts, ..."""
    counts: dict[str, Counter[str]] = {}
    for label, path in zip(table["label"].to_pylist(), table["path"].to_pylist(), strict=True):
        counts.setdefault(label, Counter())[kind_of(path)] += 1
    return [{"label": label, **{kind: counts[label][kind] for kind in KINDS}} for label in sorted(counts)]


def other_kinds(table: pa.Table) -> list[dict[str, Any]]:
    """Return the snippets of each kind of Other, in all and in each split, and the projects or variants they are of."""
    rows = table.filter(pc.equal(table["label"], OTHER)).select(["path", "split", "group"]).to_pylist()
    counts: dict[str, Counter[str]] = {}
    groups: dict[str, set[str]] = {}
    for row in rows:
        kind = other_kind(row["path"])
        counts.setdefault(kind, Counter())[row["split"]] += 1
        groups.setdefault(kind, set()).add(row["group"])
    return [
        {"label": kind, "groups": len(groups[kind]), "snippets": counts[kind].total()}
        | {split: counts[kind][split] for split in SPLITS}
        for kind in sorted(counts)
    ]


def straddling(table: pa.Table) -> int:
    """Return the number of projects in more than one split: must be 0."""
    pairs = table.group_by(["group", "split"]).aggregate([])
    splits = pairs.group_by("group").aggregate([("split", "count")])["split_count"]
    return int(pc.sum(pc.greater(splits, 1)).as_py() or 0)
