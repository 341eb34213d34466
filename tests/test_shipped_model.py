"""The model that fusion ships: small, whole, and right about what anybody would tell."""

from pathlib import Path

import pytest
from tests.reading.test_shipped import drawn

from fusion import load
from fusion.files import sha256_of
from fusion.serving.api import TrainedModel
from fusion.weights import shipped_model

CODE = {
    "Python": "import os\n\n\ndef read(path):\n    with open(path) as file:\n        return [line.strip() for line in file]\n",
    "C": "#include <stdio.h>\n\nint main(void) {\n    char *name = malloc(8);\n    printf(\"%s\\n\", name);\n    return 0;\n}\n",
    "Rust": "fn main() {\n    let mut total: u32 = 0;\n    for x in vec![1, 2] {\n        total += x;\n    }\n    println!(\"{}\", total);\n}\n",
    "SQL": "SELECT name, count(*) FROM users\nJOIN orders ON orders.user_id = users.id\nWHERE total > 2\nGROUP BY name;\n",
    "CSS": ".row > a:hover {\n  color: #ff0000;\n  margin: 0 auto;\n}\n\n@media (max-width: 600px) {\n  .row { display: none; }\n}\n",
    "Haskell": "module Main where\n\nimport Data.List (sort)\n\nmain :: IO ()\nmain = mapM_ print . sort $ [3, 1, 2 :: Int]\n",
}  # fmt: skip
PROSE = (
    "The harbour was quiet in the morning. Two boats lay side by side, and nobody had yet come down to untie them. "
    "By noon, said the old man, the wind will turn, and then everybody will want to leave at once.\n"
)


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    return load()


@pytest.mark.parametrize("label", CODE)
def test_it_tells_usual_code(model: TrainedModel, label: str) -> None:
    answer = model.predict(CODE[label])
    assert (answer.label, answer.decision) == (label, "accepted")


def test_prose_is_no_code(model: TrainedModel) -> None:
    answer = model.predict(PROSE * 2)
    assert answer.label == "unknown" and answer.raw["label"] == "Other" and answer.reason == "not_code"


def test_it_tells_a_screenshot_by_itself(model: TrainedModel) -> None:
    answer = model.predict(image=drawn(theme="vs"), mode="best_guess")
    assert answer.status == "ok" and answer.label in model.classes
    assert set(answer.by_modality) == {"image", "read"}


def test_it_is_small_and_its_card_is_of_these_weights() -> None:
    folder: Path = shipped_model()
    files = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert set(files) == {"README.md", "meta.json", "model.safetensors", "tokenizer.json"}
    assert sum(files.values()) < 15_000_000
    assert sha256_of(folder / "model.safetensors") in (folder / "README.md").read_text()
