"""Where a crop of a text begins, and that it shows enough."""

from hypothesis import given
from hypothesis import strategies as st

from fusion.config.training import TextCrop
from fusion.pretraining.text_crop import TextCrops, density, is_dense, text_crop


def shown(text: str, rows: int, columns: int) -> int:
    lines = [line[:columns] for line in text.split("\n")[:rows]]
    return sum(len(line) - line.count(" ") for line in lines)


@given(st.text(alphabet="ab \n\t{}", min_size=1, max_size=300), st.integers(0, 2**64 - 1))
def test_a_crop_of_a_dense_text_shows_enough(text: str, key: int) -> None:
    crop = text_crop(text, key, 3, 8, 10)
    assert crop == text_crop(text, key, 3, 8, 10)
    if is_dense(text, 3, 8, 10):
        assert shown(crop, 3, 8) >= 10
    else:
        assert shown(crop, 3, 8) == density(text.expandtabs(4).split("\n"), 0, 3, 8).max()


def test_places_differ_and_empty_ones_are_passed_over() -> None:
    text = "\n".join(["first line of it", *[""] * 20, *(f"    line {i} of the end" for i in range(9))])
    crops = [text_crop(text, key, 3, 20, 30) for key in range(200)]
    starts = {crop.split("\n")[0] for crop in crops}
    assert len(starts) > 5 and "" not in starts
    assert any(crop.startswith("line") for crop in crops), "at the indentation"
    assert any(crop.startswith("    line") for crop in crops), "at the first column"


def test_smaller_pictures_show_fewer_lines_of_text_as_large() -> None:
    crop = TextCrop(rows=10, columns=22, min_characters=50)
    assert TextCrops.scaled(crop) == TextCrops(10, 22, 50)
    assert TextCrops.scaled(crop, 96 / 128) == TextCrops(8, 16, 28), "a side of 0.75, an area of 0.56"
