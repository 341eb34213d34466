"""from fusion import read_screenshot: pictures of every kind -> what was read in them."""

import doctest
import io
from pathlib import Path

import numpy as np
import pytest
from tests.fake_reader import FakeReader, fake_reader, some_picture  # noqa: F401, fixture

import fusion
from fusion import read_screenshot
from fusion.config.errors import UserError


def test_its_example_is_true(reader: FakeReader) -> None:
    tests = doctest.DocTestFinder(recurse=False).find(fusion.read_screenshot, "read_screenshot", globs={})
    results = doctest.DocTestRunner().run(tests[0])
    assert results.attempted and not results.failed


def test_paths_bytes_files_pillow_and_arrays_are_read(reader: FakeReader, tmp_path: Path) -> None:
    picture, file = some_picture(), tmp_path / "a.png"
    picture.save(file)
    data = file.read_bytes()
    for source in (file, str(file), data, io.BytesIO(data), picture, np.asarray(picture)):
        transcript = read_screenshot(source)
        assert transcript.text == reader.text and transcript.is_code
        assert (transcript.width, transcript.height) == picture.size
    assert all(np.array_equal(seen, np.asarray(picture)) for seen in reader.seen)


def test_what_is_no_picture_is_an_error_the_user_can_fix(reader: FakeReader, tmp_path: Path) -> None:
    for source in (b"text", tmp_path / "absent.png", np.zeros((2, 2, 9))):
        with pytest.raises(UserError):
            read_screenshot(source)
