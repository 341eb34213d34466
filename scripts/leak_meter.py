"""How much of the label each highlight policy writes into the picture.

(a) In seconds, without pictures: a linear probe that sees token classes alone (shares and bigrams of classes,
no letters), trained under one policy and tested under another, `wrong` among them, where every text is
coloured by the lexer of another language. Flip rate: how often the answer is the wrong lexer's language.
(b) With --pictures: a small CNN, the same matrix; it counts only once it fits its training projects.

Trained on the training projects, tested on the test projects of the corpus, as many texts of each language.
"""

import argparse
import json
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fusion import console
from fusion.config.data import load_data_options
from fusion.config.paths import cache_dir
from fusion.languages import LANGUAGES
from fusion.screenshots.lexing import CLASSES, pygments_classes, token_classes
from fusion.screenshots.style import sample_key
from fusion.snippets import sources

POLICIES = ("none", "neutral", "guessed", "random", "true")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="60 texts per language and side instead of 300")
    parser.add_argument("--pictures", action="store_true", help="(b): train a small CNN under every policy; slow")
    parser.add_argument("--policies", nargs="+", default=list(POLICIES), choices=POLICIES, help="to train (b) under")
    parser.add_argument("--epochs", type=int, default=20, help="of (b), each over the same number of pictures")
    parser.add_argument("--seeds", type=int, default=3, help="of (b)")
    parser.add_argument("--shape", type=int, default=96, help="pixels of (b)'s pictures")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    args = parser.parse_args()
    console.set_up_logging()
    table = sources.load(load_data_options("small"), cache_dir(), console.progress)
    sides = {side: pick(table, side, 60 if args.quick else 300) for side in ("train", "test")}
    found: dict[str, Any] = {"texts": {side: len(rows["text"]) for side, rows in sides.items()}}
    found["chance"] = round(1 / len(set(sides["train"]["label"])), 3)
    found["probe"] = probe(sides)
    if args.pictures:
        from leak_pictures import matrix

        found["cnn"] = matrix(sides, wrong_labels, args.policies, args.epochs, args.seeds, args.shape)
    print(json.dumps(found) if args.json else report(found))
    return 0


def pick(table: pa.Table, side: str, each: int) -> dict[str, list[str]]:
    """Return up to `each` texts of every language on one side of the split, shuffled; seeded."""
    rows = table.filter(pc.equal(table["split"], side))
    labels = np.array(rows["label"].to_pylist())
    rng = np.random.default_rng(0)
    chosen = np.concatenate([rng.permutation(np.flatnonzero(labels == label))[:each] for label in np.unique(labels)])
    return rows.take(rng.permutation(chosen)).select(["id", "text", "label"]).to_pydict()


def wrong_labels(rows: dict[str, list[str]]) -> list[str]:
    """Return for every text another language, drawn by its id alone."""
    names = sorted(set(rows["label"]))
    drawn = []
    for id, label in zip(rows["id"], rows["label"], strict=True):
        others = [name for name in names if LANGUAGES[name].lexer != LANGUAGES[label].lexer]
        drawn.append(others[sample_key(0, 0, id) % len(others)])
    return drawn


def features(rows: dict[str, list[str]], policy: str) -> np.ndarray:
    """Return (texts, classes + classes²): how often each class and each pair of neighbouring classes occurs."""
    count = len(CLASSES)
    wrong = wrong_labels(rows) if policy == "wrong" else None
    out = np.zeros((len(rows["text"]), count + count * count), np.float32)
    for i, (text, id, label) in enumerate(zip(rows["text"], rows["id"], rows["label"], strict=True)):
        if wrong is not None:
            classes = pygments_classes(text, LANGUAGES[wrong[i]].lexer)
        else:
            classes = token_classes(text, policy, sample_key(0, 0, id), label)
        classes = classes[[not char.isspace() for char in text]].astype(np.int64)  # blanks look alike in every colour
        out[i, :count] = np.bincount(classes, minlength=count)
        out[i, count:] = np.bincount(classes[:-1] * count + classes[1:], minlength=count * count)
        out[i] /= max(len(classes), 1)
    return out


def probe(sides: dict[str, dict[str, list[str]]]) -> dict[str, Any]:
    """Return the linear probe's accuracy for every pair of policies, and its flip rates under the wrong lexer."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    wrong = np.array(wrong_labels(sides["test"]))
    truth = np.array(sides["test"]["label"])
    tests = {policy: features(sides["test"], policy) for policy in (*POLICIES, "wrong")}
    accuracy: dict[str, dict[str, float]] = {}
    flips: dict[str, float] = {}
    fit: dict[str, float] = {}
    for policy in POLICIES:
        x = features(sides["train"], policy)
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, C=0.1))
        model.fit(x, sides["train"]["label"])
        fit[policy] = round(float(model.score(x, sides["train"]["label"])), 3)
        answers = {name: model.predict(x) for name, x in tests.items()}
        accuracy[policy] = {name: round(float((answer == truth).mean()), 3) for name, answer in answers.items()}
        flips[policy] = round(float((answers["wrong"] == wrong).mean()), 3)
    return {"accuracy": accuracy, "flip_rate": flips, "fit": fit}


def report(found: dict[str, Any]) -> str:
    """Return tables of accuracies: rows are trained under, columns tested under a policy."""
    texts, tested = found["texts"], (*POLICIES, "wrong")
    sizes = f"{texts['train']} texts of training projects, {texts['test']} of test projects"
    lines = [f"{sizes}; chance {found['chance']}"]
    titles = {"probe": "(a) linear probe on token classes, no letters", "cnn": "(b) small CNN on pictures"}
    for part, title in titles.items():
        if part in found:
            names = "".join(f"{name:>9}" for name in (*tested, "flips", "fit"))
            lines += ["", title, f"{'trained under':<15}{names}"]
            for policy, row in found[part]["accuracy"].items():
                others = [found[part][name][policy] for name in ("flip_rate", "fit")]
                cells = [*(row[name] for name in tested), *others]
                lines.append(f"{policy:<15}" + "".join(f"{cell:>9.3f}" for cell in cells))
    lines += ["", "flips: share of the texts coloured by a wrong lexer that get that lexer's language"]
    return "\n".join([*lines, "fit: accuracy on the training texts themselves"])


if __name__ == "__main__":
    sys.exit(console.run(main))
