"""Options that had another name: each has a new one that exists, and options written before get it."""

import pytest
from tests.tiny import composed

from fusion.config.groups import names_in
from fusion.config.renamed import RENAMED, RENAMED_CHOICES, with_new_names

CHOICES = {"text": "text=nano", "pretraining": "experiment=pretrain_image", "text.variant": "text=ladder",
           "text.max_ngram": "text=ngram"}  # fmt: skip


@pytest.mark.parametrize("old", RENAMED)
def test_the_new_name_is_an_option_and_the_old_one_is_none(old):
    new = RENAMED[old]
    choice = CHOICES.get(new, CHOICES.get(new.partition(".")[0]))
    options = composed(*([choice] if choice else []))
    for part in new.split(".")[:-1]:
        options = options[part]
    assert new.rpartition(".")[2] in options and old.rpartition(".")[2] not in options


def test_the_new_name_of_a_choice_has_a_file_and_the_old_one_has_none():
    for old, new in RENAMED_CHOICES.items():
        (group, before), (same, now) = old.split("="), new.split("=")
        assert group == same and now in names_in(group) and before not in names_in(group)


def test_options_written_before_get_their_new_names_and_keep_their_values_and_order():
    old = {"again": False, "clip": None, "lr": 0.1, "text": {"name": "nano", "members": 3, "linear": 0, "rung": "v1"},
           "backbone": {"variants": 2}, "pretraining": {"passage": {"rows": 3, "ink": 9}, "spare": []}}  # fmt: skip
    assert with_new_names(old) == {
        "rerun": False, "gradient_clip_val": None, "lr": 0.1,
        "text": {"name": "nano", "num_hashes": 3, "ensemble_weights": 0, "variant": "v1"},
        "backbone": {"num_styles": 2},
        "pretraining": {"text_crop": {"rows": 3, "min_characters": 9}, "exclude_eval_projects_of": []},
    }  # fmt: skip
    assert [*with_new_names(old)] == ["rerun", "gradient_clip_val", "lr", "text", "backbone", "pretraining"]
    assert old["again"] is False, "what is given stays as it is"


def test_todays_options_stay_as_they_are():
    for choices in ([], ["text=nano"], ["experiment=pretrain_image"], ["row=heig_tiles_34"]):
        options = composed(*choices)
        assert with_new_names(options) == options
