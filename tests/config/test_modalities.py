"""modalities=text or image: the configuration that backbone=none or text=none asks for by hand."""

import pytest
from tests.tiny import composed, configured

from fusion.config.errors import UserError
from fusion.config.schema import load_config
from fusion.results.record import fingerprint

FUSED = ["backbone=mobilenetv2", "text=nano", "lr=0.01", "input_shape=96"]
ALONE = {"text": ["backbone=none", *FUSED[1:]], "image": [FUSED[0], "text=none", *FUSED[2:]]}
OF_A_FUSION = [
    "fusion.read=true", "fusion.colours=1000", "fusion.modality_dropout=0.3", "fusion.auxiliary=0.3",
    "fusion.missing=zeros", "fusion.width=64", "situations=[picture,partial,corrupted]", "picture_share=0.5",
]  # fmt: skip


@pytest.mark.parametrize("part", ALONE)
def test_a_part_is_the_run_that_is_asked_for_by_hand(part: str) -> None:
    found, by_hand = configured(*FUSED, f"modalities={part}"), configured(*ALONE[part])
    assert found == by_hand and fingerprint(found) == fingerprint(by_hand)
    assert fingerprint(found) != fingerprint(configured(*FUSED))


@pytest.mark.parametrize("part", ALONE)
def test_what_only_a_fusion_has_leaves_no_trace_in_its_parts(part: str) -> None:
    other = {"text": "damage.picture=0.5", "image": "damage.text=0.5"}[part]
    found = configured(*FUSED, *OF_A_FUSION, other, f"modalities={part}")
    assert fingerprint(found) == fingerprint(configured(*ALONE[part]))


@pytest.mark.parametrize("name", ["average", "gated", "bilinear", "attention", "stacking"])
@pytest.mark.parametrize("part", ALONE)
def test_a_part_has_the_same_head_whatever_it_was_fused_by(part: str, name: str) -> None:
    found = configured(*FUSED, f"fusion={name}", "fusion.hidden=[64]", "fusion.dropout=0.1", f"modalities={part}")
    assert found == configured(*ALONE[part], "fusion.hidden=[64]", "fusion.dropout=0.1")


def test_what_a_part_sees_of_damage_and_variation_stays() -> None:
    words = [*FUSED, "damage.text=0.5", "damage.picture=0.4", "vary.part=0.3"]
    text, image = (configured(*words, f"modalities={part}") for part in ("text", "image"))
    assert (text.damage.text, text.damage.picture, text.vary.part) == (0.5, 0.0, 0.3)
    assert (image.damage.text, image.damage.picture, image.vary.changes) == (0.0, 0.4, False)


@pytest.mark.parametrize(("part", "group"), [("text", "text"), ("image", "backbone")])
def test_a_part_that_is_not_there_is_an_error(part: str, group: str) -> None:
    with pytest.raises(
        UserError, match=rf"^modalities={part} keeps a part that {group}=none leaves out; give a {group}"
    ):
        configured(f"{group}=none", f"modalities={part}")


def test_a_part_that_is_all_there_is_stays_as_it_was() -> None:
    for part, words in ALONE.items():
        assert configured(*words, f"modalities={part}") == configured(*words)


def test_a_text_that_cannot_be_fused_can_be_a_part() -> None:
    with pytest.raises(UserError, match="text=ngram is a whole model, which nothing can be fused with"):
        configured("text=ngram", "modalities=all")
    assert configured("text=ngram", "modalities=text") == configured("text=ngram", "backbone=none")


def test_a_row_and_folds_have_parts_too() -> None:
    row = configured("row=rakuten_vgg16_224_256", "modalities=image")
    assert row.row is not None and not row.has_text
    folds = configured("text=nano", "folds=3", "modalities=text")
    assert folds.folds == 3 and not folds.has_image and folds.modalities == "all"


def test_another_word_is_answered_with_the_choices() -> None:
    with pytest.raises(UserError, match=r"^modalities=pictures is not known; it is one of all, text, image\.$"):
        configured("modalities=pictures")


def test_a_record_of_before_has_all_of_its_modalities() -> None:
    older = composed("text=nano")
    del older["modalities"]
    assert load_config(older) == configured("text=nano")
