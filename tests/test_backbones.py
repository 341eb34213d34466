"""scripts/backbones.py: every backbone of conf/backbone is the network that was published under its name."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "backbones.py"
SPEC = importlib.util.spec_from_file_location("backbones", SCRIPT)
backbones = importlib.util.module_from_spec(SPEC)
sys.modules["backbones"] = backbones  # dataclasses look their module up
SPEC.loader.exec_module(backbones)

MODELS = {name: backbones.model_of(name) for name in backbones.names()}


def test_every_name_of_the_source_tables_is_there():
    assert {*MODELS} == {*backbones.PUBLISHED, "efficientnet_lite0", "convnet", "reader", "reader_ngrams"}


@pytest.mark.parametrize("name", backbones.PUBLISHED)
def test_the_published_count_is_reached_but_for_what_is_explained(name):
    difference, _why = backbones.DIFFERENCES.get(name, (0, ""))
    assert backbones.with_classifier(MODELS[name]) + difference == backbones.PUBLISHED[name]


@pytest.mark.parametrize(("name", "millions", "features"), [
    ("nasnetmobile", 4.23, 1056), ("vgg16", 14.71, 512), ("vgg19", 20.02, 512), ("mobilenetv2", 2.22, 1280),
    ("efficientnet_lite0", 3.37, 1280), ("convnet", 0.05, 128), ("reader", 0.38, 337),
])  # fmt: skip
def test_the_classifier_is_left_out(name, millions, features):
    branch = backbones.build_on_meta(MODELS[name], 64)
    assert round(backbones.count(branch, statistics=False) / 1e6, 2) == millions
    assert branch.dim == features


def test_nasnetmobile_has_the_parameter_names_of_its_published_weights():
    parameters = dict(backbones.build_on_meta("nasnetmobile", 64).net.named_parameters())
    assert parameters["conv0.conv.weight"].shape == (32, 3, 3, 3)
    assert parameters["cell_stem_1.comb_iter_0_left.separable_1.depthwise_conv2d.weight"].shape == (22, 1, 5, 5)
    assert parameters["cell_15.conv_1x1.conv.weight"].shape == (176, 1056, 1, 1)
    cells = {name.split(".")[0] for name in parameters if name.startswith("cell_") and "stem" not in name}
    assert cells == {f"cell_{number}" for number in (0, 1, 2, 3, 6, 7, 8, 9, 12, 13, 14, 15)}


def test_a_row_is_printed_and_is_json(capsys):
    assert backbones.main(["convnet", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)[0]
    assert (row["input_shape"], row["smallest"], row["features"]) == (64, 32, 128)
    assert (row["mean"], row["std"], row["with_classifier"]) == ([0, 0, 0], [1, 1, 1], None)
    assert backbones.main(["vgg16"]) == 0
    assert "| vgg16 | 512 | 14,714,688 | 138,357,544 | 138,357,544 | 224 | 32 |" in capsys.readouterr().out


def test_an_unknown_name_gets_the_known_ones(capsys):
    with pytest.raises(SystemExit):
        backbones.main(["vgg17"])
    assert "vgg17 is not one of convnet" in capsys.readouterr().err


def test_each_is_tried_at_its_own_shape_and_at_the_common_one():
    assert [backbones.shapes(name) for name in ("inception_v3", "convnet", "timm")] == [
        [299, 128],
        [64, 128],
        [224, 128],
    ]


def test_a_backbone_that_does_not_train_is_named_and_the_others_are_tried(monkeypatch, capsys, tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({
        "status": "completed", "config": {}, "timings": {"total_seconds": 7.4}, "peak_memory_mb": 1536,
    }))  # fmt: skip
    asked = []

    def command(name, *words):
        asked.append([name, *words])
        if name == "predict":
            return backbones.subprocess.CompletedProcess(words, 0, '{"raw": {"label": "Python"}}\n', "")
        wrong = "input_shape=128" in words
        return backbones.subprocess.CompletedProcess(words, int(wrong), f"{tmp_path}\n", "a line\nerror: no room\n")

    monkeypatch.setattr(backbones, "command", command)
    assert backbones.main(["--train", "convnet", "timm", "data.limit=8"]) == 1
    printed = capsys.readouterr().out
    assert "| convnet | 64 | yes | 7 | 1.5 |" in printed and "| timm | 128 | no: error: no room | 0 | 0.0 |" in printed
    assert all("data.limit=8" in words for words in asked if words[0] == "train")
    assert sum("backbone.model=resnet18" in words for words in asked) == 2
    assert ["predict", "--json", "--run", str(tmp_path), str(SCRIPT)] in asked
