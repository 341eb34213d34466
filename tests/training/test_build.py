"""A configuration and rows -> branches and a network, and what the record says of them."""

import logging

import pyarrow as pa
import pytest
from tests.tiny import IMAGE, TEXT, configured

from fusion.branches import LoadedBranch
from fusion.branches.weights import WeightsUnavailable
from fusion.config.branches import Nano
from fusion.config.errors import UserError
from fusion.config.groups import read_group
from fusion.config.options import parse, to_dict
from fusion.config.schema import Config
from fusion.config.training import Vary
from fusion.results.record import Record
from fusion.snippets.vary import Varying
from fusion.training import build
from fusion.training.build import _with_varied, create_branches, make_model

HEAD = ("fusion.hidden=[16]", "data=folder", "data.path=x")
OFF_LINE = ("backbone=none", "text=codeberta", *HEAD)


def create(config: Config, table: pa.Table) -> tuple[Config, dict[str, LoadedBranch], Record]:
    record = Record(None, config, [])
    return *create_branches(config, table, record), record


def test_both_branches_are_created_and_their_weights_recorded(table):
    asked = configured(*IMAGE, *TEXT, *HEAD)
    trained, branches, record = create(asked, table)
    assert trained == asked
    assert [*branches] == ["text", "image"]
    assert record.resolved.weights == {"text": "random", "image": "random"} and record.resolved.weights_id == {}
    assert record.resolved.text == "scratch" and record.resolved.text_options["vocabulary"] == 300


def test_a_branch_that_is_none_is_not_created(table):
    assert [*create(configured("backbone=none", *TEXT, *HEAD), table)[1]] == ["text"]
    assert [*create(configured(*IMAGE, "text=none", *HEAD), table)[1]] == ["image"]


def test_a_tokenizer_is_trained_on_training_rows_alone(table, monkeypatch):
    read: dict[str, list[str]] = {}

    def stop(_text, rows, classes, _seed):
        read.update(rows, classes=classes)
        raise WeightsUnavailable("nothing is created")

    monkeypatch.setattr(build.branches, "create_text", stop)
    with pytest.raises(WeightsUnavailable):
        create(configured("backbone=none", *TEXT, *HEAD), table)
    assert set(read["group"]) == {"one"} and len(read["text"]) == 12 and read["classes"] == ["a", "b"]


def test_of_very_many_rows_a_seeded_part_trains_the_tokenizer(table, monkeypatch):
    monkeypatch.setattr(build, "TOKENIZER_TEXTS", 5)
    rows = build.SnippetDataset(table, "train")
    parts = [build._tokenizer_rows(rows, seed)["id"] for seed in (0, 0, 1)]
    order = {id: i for i, id in enumerate(rows[range(12)]["id"])}
    assert all(len(part) == 5 and [order[id] for id in part] == sorted(order[id] for id in part) for part in parts)
    assert parts[0] == parts[1] != parts[2]


def test_codeberta_out_of_reach_is_replaced_with_a_warning_and_what_was_asked_stays(table, caplog):
    config = configured(*OFF_LINE)
    with caplog.at_level(logging.WARNING):
        trained, branches, record = create(config, table)
    assert "Instead of codeberta this run trains `nano`" in caplog.text
    assert branches["text"].spec["name"] == "nano"
    assert trained.text == parse(Nano, read_group("text", "nano")), "its own learning rate and freezing count"
    assert record.resolved.text == record.resolved.text_options["name"] == "nano"
    assert record.content["resolved"]["text"] == "nano"
    assert config.text.name == "codeberta" and record.content["config"]["text"]["name"] == "codeberta"


@pytest.mark.parametrize("override", ["text.fallback=null", "text.weights=pretrained"])
def test_weights_that_were_demanded_and_cannot_be_had_are_an_error(table, override):
    with pytest.raises(UserError, match="CodeBERTa-small-v1 are not on this machine"):
        create(configured(*OFF_LINE, override), table)


def test_what_a_model_folder_says_is_what_was_asked(table):
    config = configured(*IMAGE, *TEXT, *HEAD, "seed=3")
    _, branches, _ = create(config, table)
    model = make_model(config, ["a", "b"], branches)
    assert model.meta == {
        "name": "train", "render": to_dict(config.render), "source_size": [64, 64], "input_shape": 32, "seed": 3,
        "classes": ["a", "b"], "branches": {name: branch.spec for name, branch in branches.items()},
        "fusion": to_dict(config.fusion), "temperature": 1.0,
    }  # fmt: skip
    assert model.tokenizer is branches["text"].tokenizer
    assert [*model.net.branches] == ["text", "image"] and model.net.head[-1].out_features == 2


@pytest.mark.parametrize(("known", "warned"), [({"one"}, False), ({"one", "three"}, True)])
def test_figures_on_projects_that_weights_were_trained_on_are_warned_of(table, monkeypatch, caplog, known, warned):
    monkeypatch.setattr(build, "shipped_weights", lambda _: (None, {"projects": known}))
    record = Record(None, configured(*IMAGE, "text=none", *HEAD), [])
    with caplog.at_level(logging.WARNING):
        build._warn_of_known_projects("test_resnet", table, record)
    assert record.content["judged_projects_in_weights"] == (["three"] if warned else [])
    assert ("on 1 of the 2 projects of validation and test (three ...)" in caplog.text) is warned
    assert bool(caplog.records) is warned


def test_what_is_fitted_before_training_sees_texts_as_they_are_and_varied():
    """With an image branch too: nothing is drawn of a copy that only a linear model reads."""
    rows = {"id": ["a", "b"], "text": ["x = 1\n" * 8, "y"], "group": ["p", "q"], "label": ["P", "Q"]}
    more = _with_varied(rows, Varying(Vary(part=1.0), seed=0))
    assert more["text"][:2] == rows["text"] and len(more["text"]) == 3  # one letter has no part
    assert more["text"][2] in rows["text"][0] and (more["label"][2], more["group"][2]) == ("P", "p")
