"""Snippets and their screenshots -> batches, the same whoever makes them and in whatever order."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fusion.branches.tokenizer import Bpe, train_tokenizer
from fusion.config.data import load_data_options
from fusion.datamodule import (
    DAMAGED,
    BatchSampler,
    Collate,
    FeatureStore,
    ReadingStore,
    SnippetDataModule,
    Sources,
)
from fusion.snippets.user.stream import open_stream


class FakeRenderer:
    """Draws eight by eight pictures that depend on the text, its id and the epoch, and keeps what it was given."""

    def __init__(self):
        self.asked = []

    def __call__(self, texts, ids, epoch, labels=None):
        self.asked.append((list(texts), list(ids), epoch, labels))
        keys = [hashlib.sha256(f"{text}{id}{epoch}".encode()).digest() for text, id in zip(texts, ids, strict=True)]
        return np.stack([np.frombuffer(key * 6, np.uint8).reshape(8, 8, 3).copy() for key in keys])


@pytest.fixture
def bpe(texts):
    return Bpe(train_tokenizer(texts, 400), 16)


@pytest.fixture
def datamodule(table, bpe):
    def make(seed=1, num_workers=0, batch_size=5, tokenizer=bpe, renderer=None):
        renderer = FakeRenderer() if renderer is None else renderer
        return SnippetDataModule(table, ["a", "b"], tokenizer, renderer or None, batch_size, seed, num_workers)

    return make


def order(loader) -> list[str]:
    return [id for batch in loader for id in batch["id"]]


def same(first, second) -> bool:
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    return first == second


def test_a_batch_is_what_the_branches_and_the_loss_expect(datamodule):
    batch = next(iter(datamodule().loader("train", 0)))
    assert batch.keys() == {"text", "image", "label", "id", "present"}
    ids, mask = batch["text"]["input_ids"], batch["text"]["attention_mask"]
    assert ids.dtype == torch.int64 and mask.dtype == torch.bool and ids.shape == mask.shape and len(ids) == 5
    assert batch["image"].shape == (5, 8, 8, 3) and batch["image"].dtype == torch.uint8
    assert batch["label"].shape == (5,) and batch["label"].dtype == torch.int64
    assert batch["present"].keys() == {"text", "image"}
    assert all(there.dtype == torch.bool and there.tolist() == [True] * 5 for there in batch["present"].values())


def test_text_picture_and_label_of_a_row_belong_together(datamodule, table, bpe):
    text_of = dict(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True))
    label_of = dict(zip(table["id"].to_pylist(), table["label"].to_pylist(), strict=True))
    for batch in datamodule().loader("train", 3):
        texts = [text_of[id] for id in batch["id"]]
        assert same(batch["text"], bpe(texts))
        assert np.array_equal(batch["image"].numpy(), FakeRenderer()(texts, batch["id"], 3))
        assert [["a", "b"][number] for number in batch["label"]] == [label_of[id] for id in batch["id"]]


def test_a_modality_that_is_not_wanted_is_not_there(datamodule):
    text_only = next(iter(datamodule(renderer=False).loader("val", None)))
    image_only = next(iter(datamodule(tokenizer=None).loader("val", None)))
    assert "image" not in text_only and text_only["present"].keys() == {"text"}
    assert "text" not in image_only and image_only["present"].keys() == {"image"}


def test_rows_without_labels_are_paired_for_prediction(bpe):
    batch = Collate(["a", "b"], Sources(bpe, FakeRenderer()), None)({"text": ["x = 1", "y"], "id": ["1", "2"]})
    assert "label" not in batch and len(batch["image"]) == 2


def test_training_draws_by_epoch_and_evaluation_always_the_same(datamodule):
    renderer = FakeRenderer()
    module = datamodule(renderer=renderer)
    list(module.loader("train", 5))
    list(module.val_dataloader())
    list(module.test_dataloader())
    epochs = [epoch for _, _, epoch, _ in renderer.asked]
    assert epochs == [5] * 3 + [None] * 6


def test_each_split_gives_its_own_rows_and_no_others(datamodule, table):
    module = datamodule()
    for split in ("train", "val", "test"):
        epoch = 0 if split == "train" else None
        expected = table.filter(pc.equal(table["split"], split))["id"].to_pylist()
        assert sorted(order(module.loader(split, epoch))) == expected


def test_evaluation_keeps_the_order_of_the_table(datamodule, table):
    expected = table.filter(pc.equal(table["split"], "test"))["id"].to_pylist()
    assert order(datamodule().test_dataloader()) == expected


def test_the_order_of_training_depends_on_seed_and_epoch_alone(datamodule):
    torch.manual_seed(1)
    np.random.seed(1)
    first = order(datamodule(seed=1).loader("train", 2))
    torch.manual_seed(2)
    np.random.seed(2)
    assert order(datamodule(seed=1).loader("train", 2)) == first  # as after a resumption: earlier epochs were not drawn
    assert order(datamodule(seed=1).loader("train", 3)) != first
    assert order(datamodule(seed=2).loader("train", 2)) != first
    assert order(datamodule(seed=2).loader("train", 1)) != first


@pytest.mark.parametrize("epoch", [None, 1])
def test_two_workers_make_the_very_same_batches(datamodule, epoch):
    alone = list(datamodule(num_workers=0).loader("train", epoch))
    shared = list(datamodule(num_workers=2).loader("train", epoch))
    assert len(alone) == len(shared) == 3
    assert all(same(one, two) for one, two in zip(alone, shared, strict=True))


@given(st.integers(1, 60), st.integers(1, 20), st.none() | st.tuples(st.integers(0, 9), st.integers(0, 9)))
def test_every_row_is_in_one_batch_save_a_last_one_left_alone_in_training(rows, batch_size, shuffle):
    batches = list(BatchSampler(rows, batch_size, shuffle))
    seen = sorted(number for batch in batches for number in batch)
    alone = shuffle is not None and rows > batch_size > 1 and rows % batch_size == 1
    assert all(0 < len(batch) <= batch_size for batch in batches)
    assert len(seen) == len(set(seen)) == rows - alone
    assert len(BatchSampler(rows, batch_size, shuffle)) == len(batches)
    if not alone:
        assert seen == list(range(rows))


def test_workers_share_a_stream_out_among_them(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    rows = [{"text": f"x{i} = {i}", "label": "ab"[i % 2], "repo": str(i)} for i in range(400)]
    for number in range(4):
        pq.write_table(pa.Table.from_pylist(rows[number::4]), tmp_path / f"{number}.parquet")
    data = load_data_options("parquet", path=str(tmp_path), group_column="repo", streaming=True, scan=None)
    stream = open_stream(data, tmp_path / "cache")
    train = sorted(stream.table.filter(pc.equal(stream.table["split"], "train"))["id"].to_pylist())
    for workers in (0, 2):
        module = SnippetDataModule(stream.table, ["a", "b"], None, None, 16, 0, workers, stream=stream)
        assert sorted(id for batch in module.loader("train", 0) for id in batch["id"]) == train


@pytest.mark.parametrize("shape", [(8, 8, 3), (4, 8, 8, 3)], ids=["whole", "tiles"])
def test_a_picture_of_the_users_own_is_seen_instead_of_a_drawn_one(shape: tuple[int, ...]) -> None:
    def renderer(texts, ids, epoch, labels=None):
        return np.zeros((len(texts), *shape), np.uint8)

    def pictures(paths):
        return np.stack([np.full((8, 8, 3), int(path), np.uint8) for path in paths])

    rows = {"id": ["a", "b", "c"], "text": ["", "", ""], "image": ["5", None, "7"]}
    image = Collate([], Sources(renderer=renderer, pictures=pictures), None)(rows)["image"]
    assert image.shape == (3, *shape)
    assert [part.unique().tolist() for part in image] == [[5], [0], [7]]


def test_kept_features_take_the_place_of_pictures_row_by_row(table, datamodule):
    module = datamodule(tokenizer=None)
    rows, _ = module.draw("train", 0)
    module.num_styles = 1
    module.use(features=FeatureStore())
    for part in (rows[:5], rows[5:]):  # added in parts
        module.features.add(0, part, torch.tensor([[float(rows.index(row))] for row in part]))
    numbers = {row[0]: float(number) for number, row in enumerate(rows)}
    for batch in module.loader("train", 7):  # every epoch in the one style
        assert "image" not in batch and batch["present"]["image"].all()
        assert batch["features"]["image"][:, 0].tolist() == [numbers[id] for id in batch["id"]]


def test_training_sees_changed_texts_and_evaluation_the_texts_as_they_are(table, bpe):
    seen: list[int] = []

    def change(text: str, id: str, epoch: int) -> str:
        seen.append(epoch)
        return text + str(epoch)

    module = SnippetDataModule(table, ["a", "b"], bpe, None, batch_size=4, seed=0, num_workers=0, change=change)
    for split, epoch in (("train", 3), ("val", None), ("test", None)):
        for _ in module.loader(split, epoch):
            pass
    assert set(seen) == {3} and len(seen) == len(module.splits["train"])


def test_what_is_read_goes_with_the_row_of_its_picture(table, bpe, datamodule):
    module = datamodule(tokenizer=bpe)
    rows, _ = module.draw("val", None)
    texts = [f"read{i}" if i else " " for i in range(len(rows))]
    store = ReadingStore()
    store.add(None, rows, texts, texts, np.arange(4 * len(rows)).reshape(-1, 4))
    module.use(readings=store)
    seen = 0
    for batch in module.loader("val", None):
        count = len(batch["id"])
        assert batch["present"]["read"].tolist() == [i > 0 for i in range(seen, seen + count)]
        assert torch.equal(batch["read"]["input_ids"], bpe(texts[seen : seen + count])["input_ids"])
        assert batch["read"]["quality"][:, 0].tolist() == [4.0 * i for i in range(seen, seen + count)]
        seen += count
    assert seen == len(rows)


def test_a_situation_changes_the_text_after_its_picture_was_drawn_or_takes_it(bpe, datamodule):
    module = datamodule(tokenizer=bpe)
    plain, damaged, without = (
        next(iter(module.loader("val", None, **situation)))
        for situation in ({}, {"damage": lambda text, _id, _epoch: "zzz"}, {"has_text": False})
    )
    assert torch.equal(plain["image"], damaged["image"])
    assert torch.equal(damaged["text"]["input_ids"][0], bpe(["zzz"])["input_ids"][0])
    assert not without["present"]["text"].any() and without["present"]["image"].all()


def test_damaged_pictures_are_drawn_by_another_renderer_and_read_at_their_source_size(table):
    plain, damaged = FakeRenderer(), FakeRenderer()
    module = SnippetDataModule(table, ["a", "b"], None, plain, batch_size=4, seed=0, num_workers=0,
                               renderers={DAMAGED: damaged})  # fmt: skip
    assert module.drawn_by(DAMAGED) is damaged and module.drawn_by(None) is module.drawn_by(3) is plain
