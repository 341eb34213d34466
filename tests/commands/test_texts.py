"""Text branches through the command line: the baseline, the ladder, and the tables made of them."""

import csv
import json

from tests.tiny import HEAD

ALONE = ["backbone=none", *HEAD]


def test_the_baseline_is_a_run_like_any_other(fusion, corpus, tmp_path):
    done = fusion("train", *ALONE, "text=ngram", "text.features=4096", f"data.path={corpus}", f"runs={tmp_path}")
    assert done.returncode == 0, done.stderr
    folder = next(tmp_path.glob("train/*"))
    run = json.loads((folder / "run.json").read_text())
    assert (
        run["status"] == "completed" and run["resolved"]["weights"] == {"text": "fitted"} and run["epochs_trained"] == 0
    )
    assert run["metrics"]["test"]["accuracy"] > 0.8
    assert run["parameters"] == 4096 * len(run["classes"])  # fitted, and counted
    answered = fusion("predict", "--run", str(folder), "--json", str(next((corpus / "css").glob("*.txt"))))
    assert json.loads(answered.stdout)["raw"]["label"] == "css"
    table = fusion("compare", str(tmp_path), "--table", "texts", "--format", "json")
    line = json.loads(table.stdout)[0]
    assert line["Text"] == "ngram" and line["Accuracy"].startswith(f"{run['metrics']['test']['accuracy']:.3f} [")


def test_the_baseline_is_fused_with_nothing(fusion, corpus, tmp_path):
    done = fusion("train", "text=ngram", "data=folder", f"data.path={corpus}", f"runs={tmp_path}")
    assert done.returncode == 1 and "pass backbone=none" in done.stderr and "Traceback" not in done.stderr


def test_the_ladder_ends_with_its_own_table(fusion, corpus, tmp_path):
    done = fusion(
        "train", "-m", "+sweep=ladder", "text.variant=v5,v1,v1m", "text.dim=16", "text.vocabulary=300",
        "text.max_tokens=32", "epochs=2", "data=folder", f"data.path={corpus}", f"runs={tmp_path}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with next(tmp_path.glob("sweep-*/ladder.csv")).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["Version"] for row in rows] == ["v1", "v1m", "v5"]
    assert all(int(row["Tokens/s"]) > 0 and row["Validation accuracy"] for row in rows)
    with next(tmp_path.glob("sweep-*/*/metrics.csv")).open(newline="") as file:
        assert float(next(csv.DictReader(file))["gradient_norm"]) > 0


def test_an_unknown_table_is_refused_before_anything_is_run(fusion, corpus, tmp_path):
    done = fusion("train", *ALONE, "text=nano", "table=laddr", f"data.path={corpus}", f"runs={tmp_path}")
    assert done.returncode == 1 and "did you mean ladder" in done.stderr
    assert not list(tmp_path.rglob("run.json"))
