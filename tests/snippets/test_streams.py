"""Streams: every row once over ranks and workers, shuffled by seed and epoch."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fusion.config import UserError
from fusion.snippets import streams

pytest.importorskip("datasets")


@pytest.fixture
def shards(tmp_path):
    for split, count in (("train", 40), ("val", 8), ("test", 8)):
        for shard in range(4):
            rows = [{"text": f"{split} {n}", "label": "ab"[n % 2]} for n in range(shard, count, 4)]
            (tmp_path / "shards" / split).mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.Table.from_pylist(rows), tmp_path / "shards" / split / f"{shard}.parquet")
    return {"kind": "parquet", "path": str(tmp_path / "shards"), "text_column": "text",
            "label_column": "label", "group_column": None,
            "split_column": None, "image_column": None, "streaming": True, "classes": ["a", "b"]}  # fmt: skip


def texts(rows) -> list[str]:
    return [row["text"] for row in rows]


def test_ranks_share_the_rows(shards) -> None:
    shares = [texts(streams.stream(shards, "train", 0, None, rank, 2)) for rank in range(2)]
    assert len(shares[0]) == len(shares[1]) == 20
    assert sorted(shares[0] + shares[1]) == sorted(f"train {n}" for n in range(40))


def test_workers_share_the_rows(shards) -> None:
    from torch.utils.data import DataLoader

    loader = DataLoader(streams.stream(shards, "train", 0, 1), batch_size=None, num_workers=2)
    assert sorted(texts(loader)) == sorted(f"train {n}" for n in range(40))


def test_shuffling_is_of_seed_and_epoch(shards) -> None:
    orders = [texts(streams.stream(shards, "train", seed, epoch)) for seed, epoch in ((0, 0), (0, 0), (0, 1), (1, 0))]
    assert orders[0] == orders[1] != orders[2] and orders[0] != orders[3]
    assert texts(streams.stream(shards, "val", 0, None)) == texts(streams.stream(shards, "val", 5, None))


def test_rows_and_batches(shards) -> None:
    first = next(iter(streams.stream(shards, "val", 0, None)))
    assert set(first) == {"id", "text", "label", "group"} and len(first["id"]) == 64
    assert [len(batch["text"]) for batch in streams.batches(streams.stream(shards, "val", 0, None), 3)] == [3, 3, 2]
    assert streams.classes(shards) == ["a", "b"]


def test_what_a_stream_needs(shards, tmp_path) -> None:
    with pytest.raises(UserError, match=r"data\.classes=\[\.\.\.\], the labels"):
        streams.classes(shards | {"classes": None})
    with pytest.raises(UserError, match=r"the label 'b' is not in data\.classes \(a\)"):
        texts(streams.stream(shards | {"classes": ["a"]}, "train", 0, None))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"holds no Parquet shards; expected .*<split>"):
        streams.stream(shards | {"path": str(tmp_path / "empty")}, "train", 0, None)
    for path in (tmp_path / "shards" / "val").iterdir():
        path.unlink()
    with pytest.raises(UserError, match="has no val split, it has test, train"):
        streams.stream(shards, "val", 0, None)
