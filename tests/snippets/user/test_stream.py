"""A stream of rows: sides that need no other row, every training row read once, whoever reads it."""

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.own_rows import conf

from fusion.config.errors import UserError
from fusion.snippets.user.stream import open_stream

pytest.importorskip("datasets")

ROWS = [
    {
        "code": f"value_{i} = {i * 7919} + {i % 13}\nprint(value_{i})",
        "lang": ("python", "ruby")[i % 2],
        "repo": f"r{i // 5}",
    }
    for i in range(1200)
]


@pytest.fixture(autouse=True)
def no_pause(monkeypatch) -> None:
    """The library sleeps five seconds after each pass, until threads of a remote file system have ended."""
    monkeypatch.setattr("datasets.config.SLEEP_TIME_ON_THREADS_SHUTDOWN", 0)


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    folder = tmp_path / "shards"
    folder.mkdir()
    for number in range(4):
        pq.write_table(pa.Table.from_pylist(ROWS[number::4]), folder / f"part-{number}.parquet")
    return folder


def options(path: object, **changes: Any) -> Any:
    given = {"text_column": "code", "label_column": "lang", "group_column": "repo", "streaming": True, "scan": None}
    return conf(changes.pop("kind", "parquet"), path, **given | changes)


def test_groups_stay_on_one_side_and_sides_have_their_shares(shards: Path, tmp_path: Path) -> None:
    table = open_stream(options(shards), tmp_path).table
    assert table.num_rows == len(ROWS)
    sides: dict[str, set[str]] = {}
    for group, side in zip(table["group"].to_pylist(), table["split"].to_pylist(), strict=True):
        sides.setdefault(group, set()).add(side)
    assert all(len(found) == 1 for found in sides.values())
    shares = Counter(table["split"].to_pylist())
    assert 0.6 < shares["train"] / len(ROWS) < 0.8


@pytest.mark.parametrize("world", [1, 3])
def test_every_training_row_is_read_once_by_one_rank(shards: Path, tmp_path: Path, world: int) -> None:
    stream = open_stream(options(shards), tmp_path)
    read = [row["id"] for rank in range(world) for row in stream.rows(0, 0, rank, world)]
    held = stream.table.filter(pa.compute.equal(stream.table["split"], "train"))["id"].to_pylist()
    assert sorted(read) == sorted(held)


def test_the_order_is_keyed_by_seed_and_epoch(shards: Path, tmp_path: Path) -> None:
    stream = open_stream(options(shards), tmp_path)

    def order(seed: int, epoch: int) -> list[str]:
        return [row["id"] for row in stream.rows(seed, epoch, 0, 1)]

    assert order(0, 1) == order(0, 1)
    assert order(0, 1) != order(0, 2) and order(0, 1) != order(1, 1)


def test_only_the_first_rows_are_looked_through(shards: Path, tmp_path: Path) -> None:
    assert open_stream(options(shards, scan=300), tmp_path).table.num_rows == 300


def test_a_label_that_comes_late_is_named(tmp_path: Path) -> None:
    rows = [*ROWS, *({"code": f"late {i}", "lang": "zig", "repo": f"z{i}"} for i in range(60))]
    (tmp_path / "late").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "late" / "a.parquet")
    stream = open_stream(options(tmp_path / "late", scan=1000), tmp_path)
    with pytest.raises(UserError, match=r"'zig' is not among the first 1000 rows; raise data.scan"):
        list(stream.rows(0, 0, 0, 1))


def test_what_cannot_be_streamed_is_said(tmp_path: Path, shards: Path) -> None:
    with pytest.raises(UserError, match="data=csv cannot be streamed"):
        open_stream(options(shards, kind="csv"), tmp_path)
    with pytest.raises(UserError, match=r"^data=parquet needs data\.path=FOLDER_OR_NAME\.$"):
        open_stream(options(""), tmp_path)
    with pytest.raises(UserError, match="cannot be opened as a stream"):
        open_stream(options(tmp_path / "nowhere"), tmp_path)
    with pytest.raises(UserError, match="there is no column 'text'"):
        open_stream(options(shards, text_column="text"), tmp_path)
