"""The table of the ladder: rungs in their order, runs that lie elsewhere."""

import json

from fusion.results.ladder import rungs


def test_rungs_stand_in_their_order_wherever_their_runs_lie(tmp_path):
    folders = []
    for format_path, rung in (("sweep/b", "v5"), ("elsewhere/a", "v1")):
        folder = tmp_path / format_path
        folder.mkdir(parents=True)
        run = {"schema": 1, "status": "completed", "config": {"text": {"name": "ladder", "rung": rung}}}
        (folder / "run.json").write_text(json.dumps(run | {"metrics": {"val": {"accuracy": 0.5, "n": 9}}}))
        folders.append(folder)
    first, second = rungs(folders, tmp_path / "sweep").rows
    assert (first["Version"], second["Version"]) == ("v1", "v5")
    assert (first["Run"], second["Run"]) == (str(tmp_path / "elsewhere" / "a"), "b")
    assert first["Validation accuracy"] == "0.500" and first["Test accuracy"] == ""
