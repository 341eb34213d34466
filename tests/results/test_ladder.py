"""The table of the ladder: variants in their order, runs that lie elsewhere."""

from fusion.results.ladder import ladder


def run(text: str, **options: object) -> dict:
    resolved = {"text": text, "text_options": {"name": text, **options}}
    return {"status": "completed", "resolved": resolved, "metrics": {"val": {"accuracy": 0.5, "n": 9}}}


def test_variants_stand_in_their_order_wherever_their_runs_lie(tmp_path):
    sweep, elsewhere = tmp_path / "sweep", tmp_path / "elsewhere"
    table = ladder({sweep / "b": run("ladder", variant="v5"), elsewhere / "a": run("ladder", variant="v1")}, sweep)
    first, second = table.rows
    assert (first["Version"], second["Version"]) == ("v1", "v5")
    assert (first["Run"], second["Run"]) == (str(elsewhere / "a"), "b")
    assert first["Validation accuracy"] == "0.500" and first["Test accuracy"] == ""


def test_what_was_trained_is_named_and_not_what_was_asked(tmp_path):
    fallback = run("ladder", variant="v3") | {"config": {"text": {"name": "codeberta"}}}
    rows = ladder({tmp_path / "a": run("other"), tmp_path / "b": run("nano"), tmp_path / "c": fallback}).rows
    assert [row["Version"] for row in rows] == ["v3", "nano", "other"]
