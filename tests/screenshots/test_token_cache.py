"""A table's token classes: lexed once, read back as they are, made anew when the table changes."""

from pathlib import Path

import numpy as np
import pytest

from fusion.config.errors import UserError
from fusion.screenshots import token_cache as token_cache
from fusion.screenshots.lexing import token_classes

PARTS = [
    (["a", "b"], ["def f(x):\n    return x  # ☕\n", "int main(void) { return 0; }\n"], ["Python", "C"]),
    (["c", "a"], ["", "def f(x):\n    return x  # ☕\n"], ["C", "C"]),
]


def plain(items, _title, _total):
    return items


@pytest.mark.parametrize("policy", token_cache.KEPT)
def test_what_is_read_back_is_what_the_lexer_says(tmp_path: Path, policy: str) -> None:
    found = token_cache.lex(PARTS, policy, "key", tmp_path, plain, workers=2)
    for ids, texts, labels in PARTS:
        for one, text, label in zip(ids, texts, labels, strict=True):
            slot = (one, label if policy == "true" else None)
            assert np.array_equal(found[slot], token_classes(text, policy, 0, label))


def test_a_table_is_lexed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token_cache.lex(PARTS, "true", "one", tmp_path, plain, workers=1)
    monkeypatch.setattr(token_cache, "ProcessPoolExecutor", lambda *_, **__: pytest.fail("lexed again"))
    assert len(token_cache.lex(PARTS, "true", "one", tmp_path, plain, workers=1)) == 4
    with pytest.raises(pytest.fail.Exception):
        token_cache.lex(PARTS, "true", "another", tmp_path, plain, workers=1)


def test_a_label_without_a_lexer_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="klingon"):
        token_cache.lex([(["a"], ["x"], ["klingon"])], "true", "key", tmp_path, plain, workers=1)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
