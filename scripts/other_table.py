"""A run on data.other -> how well P(Other) tells what is no code from code, by kind.

python scripts/other_table.py RUN                                      # its own test split
python scripts/other_table.py RUN --without RUN                        # and what Other costs on code, paired
python scripts/other_table.py RUN --set standard --debian --other 6000 # Other of projects that RUN has not seen

AUROC: the chance that a snippet of that kind has a larger P(Other) than a snippet of code, drawn from the test split.
Found: the share of the kind that is answered Other. In brackets 95 % intervals over projects, drawn again.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fusion import console
from fusion.config.data import REGISTRIES, Data, load_data_options
from fusion.config.errors import UserError
from fusion.config.options import parse
from fusion.config.paths import cache_dir
from fusion.languages import OTHER
from fusion.results.record import read_run
from fusion.results.statistics import project_interval, softmax
from fusion.snippets import sources
from fusion.snippets.other.kinds import LANGUAGE, PROSE, other_kind
from fusion.snippets.other.synthetic import SOURCE, unseen_kinds

DRAWS = 200  # of projects, for the interval of an AUROC


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a run folder, trained with data.other")
    parser.add_argument("--without", type=Path, metavar="RUN", help="a run on the same code without Other")
    parser.add_argument(
        "--set", dest="subset", help="take Other from this set, and only projects that RUN has not seen"
    )
    parser.add_argument("--debian", action="store_true", help="with --set: from Debian's packages too")
    parser.add_argument("--other", type=int, default=6000, help="with --set: how many snippets of Other")
    args = parser.parse_args()
    console.set_up_logging()
    data = parse(Data, read_run(args.run)["config"]["data"], "data")
    table = sources.load(data, cache_dir(), console.progress)
    code, other = answers(args.run, table)
    if args.subset:
        other = elsewhere(args, table)
    for row in rows(code, other, data.seed):
        print("| " + " | ".join(row) + " |")
    if args.without:
        print(cost(args.run, args.without))
    return 0


def answers(run: Path, table: pa.Table) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run and its table -> P(Other), kind and project of the code and of the Other in the test split."""
    found = pq.read_table(run / "predictions.parquet").filter(pc.field("split") == "test")
    meta = json.loads((run / "model" / "meta.json").read_text("utf-8"))
    if OTHER not in meta["classes"]:
        raise UserError(f"{run} was trained without the label Other; train with data.other=3000.")
    path_of = dict(zip(table["id"].to_pylist(), table["path"].to_pylist(), strict=True))
    share = softmax(np.array(found["logits"].to_pylist()) / meta["temperature"])[:, meta["classes"].index(OTHER)]
    columns = {
        "share": share,
        "kind": np.array([other_kind(path_of[id]) for id in found["id"].to_pylist()]),
        "group": np.array(found["group"].to_pylist()),
        "found": np.array(found["predicted"].to_pylist()) == OTHER,
        "source": np.array(found["source"].to_pylist()),
    }
    is_other = np.array(found["label"].to_pylist()) == OTHER
    return {k: v[~is_other] for k, v in columns.items()}, {k: v[is_other] for k, v in columns.items()}


def elsewhere(args: argparse.Namespace, seen: pa.Table) -> dict[str, Any]:
    """Return the same for Other of another set, of packages and projects that the run's table has not, by its model."""
    from fusion.serving.predictor import Predictor

    changes: dict[str, Any] = {"other": args.other} | ({"registries": list(REGISTRIES)} if args.debian else {})
    table = sources.load(load_data_options(args.subset, **changes), cache_dir(), console.progress)
    unknown = pc.invert(pc.is_in(table["group"], pc.unique(seen["group"])))
    table = table.filter(pc.and_(pc.equal(table["label"], OTHER), unknown))
    predictor = Predictor(args.run)
    probability, place = predictor.probabilities(table["text"].to_pylist()), predictor.classes.index(OTHER)  # (N, C)
    return {
        "share": probability[:, place],
        "kind": np.array([other_kind(path) for path in table["path"].to_pylist()]),
        "group": np.array(table["group"].to_pylist()),
        "found": probability.argmax(1) == place,
        "source": np.array(table["source"].to_pylist()),
    }


def rows(code: Mapping[str, Any], other: Mapping[str, Any], seed: int) -> Iterator[list[str]]:
    """Yield the rows of the table: all, the families, then each kind; seed: of the table, it holds kinds out."""
    kind, made = other["kind"], other["source"] == SOURCE
    unseen = np.isin(kind, sorted(unseen_kinds(seed)))
    is_prose, is_language = (np.char.startswith(kind, start) for start in (PROSE, LANGUAGE))
    parts = {
        "all": np.full(len(kind), True), "found in packages": ~made, "other languages": is_language,
        "prose in English": kind == f"{PROSE}en", "prose in other languages": is_prose & (kind != f"{PROSE}en"),
        "made, kind in training": made & ~unseen, "made, kind not in training": made & unseen,
    }  # fmt: skip
    yield ["kind", "snippets", "projects or variants", "AUROC", "found"]
    yield ["---", "---:", "---:", "---", "---:"]
    for name, chosen in [*parts.items(), *((name, kind == name) for name in sorted(set(kind)))]:
        if chosen.any():
            groups, found = other["group"][chosen], other["found"][chosen]
            auroc = _auroc(code["share"], other["share"][chosen])
            interval = _interval(code, other["share"][chosen], groups) if name in parts else ""
            yield [name, str(chosen.sum()), str(len(set(groups))), f"{auroc:.3f}{interval}", f"{found.mean():.0%}"]
    yield ["code", str(len(code["share"])), str(len(set(code["group"]))), "", f"{code['found'].mean():.1%}"]


def _auroc(negative: np.ndarray, positive: np.ndarray) -> float:
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([positive, negative]))[: len(positive)]  # ties count half
    return float((ranks.sum() - len(positive) * (len(positive) + 1) / 2) / (len(positive) * len(negative)))


def _interval(code: Mapping[str, Any], positive: np.ndarray, groups: np.ndarray) -> str:
    """Return the 95 % interval of an AUROC, the projects of code and of Other drawn again."""
    random = np.random.default_rng(0)
    scores = [
        _auroc(_drawn(code["share"], code["group"], random), _drawn(positive, groups, random)) for _ in range(DRAWS)
    ]
    low, high = np.quantile(scores, [0.025, 0.975])
    return f" [{low:.3f}, {high:.3f}]"


def _drawn(values: np.ndarray, groups: np.ndarray, random: np.random.Generator) -> np.ndarray:
    names, number = np.unique(groups, return_inverse=True)
    order = np.argsort(number, kind="stable")
    parts = np.split(values[order], np.cumsum(np.bincount(number))[:-1])
    return np.concatenate([parts[i] for i in random.integers(len(names), size=len(names))])


def cost(run: Path, without: Path) -> str:
    """Two runs -> the accuracy of each on the same test snippets of code, and the paired difference."""
    tables = [
        pq.read_table(folder / "predictions.parquet").filter(pc.field("split") == "test") for folder in (run, without)
    ]
    tables = [table.filter(pc.field("label") != OTHER).sort_by("id") for table in tables]
    if tables[0]["id"] != tables[1]["id"]:
        raise UserError(f"{run} and {without} were not tested on the same code.")
    right = [pc.equal(table["label"], table["predicted"]).to_numpy(zero_copy_only=False) for table in tables]
    gain = right[0].astype(float) - right[1]
    low, high = project_interval(gain, np.array(tables[0]["group"].to_pylist()))
    return (
        f"code, {len(gain)} snippets: {right[0].mean():.4f} with Other, {right[1].mean():.4f} without, "
        f"difference {gain.mean():+.4f} [{low:+.4f}, {high:+.4f}]"
    )


if __name__ == "__main__":
    raise SystemExit(console.run(main))
