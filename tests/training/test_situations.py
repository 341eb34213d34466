"""What a sample lacks or has damaged: keyed by (seed, epoch, id), and as often as asked."""

import numpy as np
import pytest

from fusion.training.situations import PictureDamage, TextDamage, make_situations

TEXT = "\n".join(f"    value_{i} = compute({i}, 'x')  # {i}" for i in range(12))
PICTURE = np.tile(np.array([[[255, 255, 255], [0, 0, 0]]], np.uint8), (60, 40, 1))
IDS = [f"id{i}" for i in range(200)]


def test_the_same_seed_epoch_and_id_give_the_same_damage_and_others_do_not():
    text, picture = TextDamage(0.5, 0.5, seed=1), PictureDamage(1.0, seed=1)
    assert text(TEXT, "a", 3) == text(TEXT, "a", 3)
    assert np.array_equal(picture(PICTURE, "a", None), picture(PICTURE, "a", None))
    others = {text(TEXT, "a", 3), text(TEXT, "a", 4), text(TEXT, "b", 3), TextDamage(0.5, 0.5, seed=2)(TEXT, "a", 3)}
    assert len(others) == 4


@pytest.mark.parametrize("chance", [0.0, 0.3, 1.0])
def test_damage_comes_as_often_as_asked(chance):
    text, picture = TextDamage(chance / 2, chance / 2, seed=0), PictureDamage(chance, seed=0)
    assert np.mean([text(TEXT, id, 0) != TEXT for id in IDS]) == pytest.approx(chance, abs=0.1)
    changed = [not np.array_equal(picture(PICTURE, id, None), PICTURE) for id in IDS]
    assert np.mean(changed) == pytest.approx(chance, abs=0.1)


def test_a_part_is_whole_lines_of_the_text_and_a_corrupted_text_has_no_indentation():
    for id in IDS[:20]:
        part = TextDamage(1.0, 0.0, 0)(TEXT, id, None)
        assert part.strip("\n") in TEXT and 2 <= len(part.strip("\n").split("\n")) <= 8
        corrupted = TextDamage(0.0, 1.0, 0)(TEXT, id, None)
        assert corrupted != TEXT and not any(line.startswith(" ") for line in corrupted.split("\n"))


def test_a_picture_keeps_its_shape_and_is_not_changed_in_place():
    before = PICTURE.copy()
    for id in IDS[:30]:
        for epoch in (None, 2):
            damaged = PictureDamage(1.0, 0)(PICTURE, id, epoch)
            assert damaged.shape == PICTURE.shape and damaged.dtype == np.uint8
    assert np.array_equal(PICTURE, before)


def test_two_damages_are_told_apart_by_their_words():
    assert repr(PictureDamage(0.5, 1)) != repr(PictureDamage(0.5, 2)) != repr(PictureDamage(0.4, 2))


def test_situations_come_whole_first():
    situations = make_situations(("picture", "partial", "corrupted"), 0)
    assert [each.name for each in situations] == ["whole", "picture", "partial", "corrupted"]
    whole, picture, partial, corrupted = situations
    assert whole.has_text and whole.text is None and not whole.damages_picture
    assert not picture.has_text
    assert partial.damages_picture and partial.text is not None
    assert corrupted.text is not None and not corrupted.damages_picture
