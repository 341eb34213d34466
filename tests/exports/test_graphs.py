"""Networks that no quick run has: each exports to a graph that answers the same for any number of rows, or is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fusion.branches.image import TimmBackbone
from fusion.branches.text import from_architecture
from fusion.branches.weights import WeightSource
from fusion.config.errors import UserError
from fusion.exports.graphs import ImageGraph, TextGraph
from fusion.exports.onnx_file import write_graph
from fusion.model.late_fusion import LateFusion
from fusion.serving.onnx_folder import open_graph

ROBERTA = {
    "model_type": "roberta", "vocab_size": 300, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4,
    "intermediate_size": 64, "max_position_embeddings": 66,
}  # fmt: skip
RNG = np.random.default_rng(0)


def tokens(rows: int, length: int) -> dict[str, np.ndarray]:
    mask = np.ones((rows, length), bool)
    mask[0, length // 2 :] = False
    return {"attention_mask": mask, "input_ids": RNG.integers(3, 300, (rows, length))}


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_a_hugging_face_encoder_reads_texts_of_any_length(pooling: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = LateFusion({"text": from_architecture(ROBERTA, pooling)}, 5, [16], 0.1).eval()
    columns, path = tokens(3, 20), tmp_path / "text.onnx"
    write_graph(TextGraph(net, False), columns, {name: {0: "batch", 1: "tokens"} for name in columns}, path)
    asked = tokens(5, 33)
    batch = {name: torch.from_numpy(column) for name, column in asked.items()}
    with torch.no_grad():
        expected = net({"text": batch, "present": {"text": torch.ones(5, dtype=torch.bool)}}).numpy()
    assert np.allclose(open_graph(path)(asked)["logits"], expected, atol=1e-5)


def write_image(model: str, side: int, path: Path) -> TimmBackbone:
    torch.manual_seed(0)
    branch = TimmBackbone(model, side, WeightSource("random")).eval()
    pictures = RNG.integers(0, 256, (2, side, side, 3), dtype=np.uint8)
    write_graph(ImageGraph(branch), {"image": pictures}, {"image": {0: "batch"}}, path)
    return branch


@pytest.mark.parametrize(("model", "side"), [("reader", 64), ("convnet", 64)])
def test_image_branches_of_fusions_own_see_the_same(model: str, side: int, tmp_path: Path) -> None:
    branch = write_image(model, side, tmp_path / "image.onnx")
    asked = RNG.integers(0, 256, (3, side, side, 3), dtype=np.uint8)
    with torch.no_grad():
        expected = branch(torch.from_numpy(asked)).numpy()
    assert np.allclose(open_graph(tmp_path / "image.onnx")({"image": asked})["features"], expected, atol=1e-4)


def test_what_torch_cannot_export_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="torch cannot export image of this model to ONNX"):
        write_image("reader_ngrams", 64, tmp_path / "image.onnx")
    assert not list(tmp_path.glob("*.onnx"))
