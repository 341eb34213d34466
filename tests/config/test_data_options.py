"""Values of data.* that cannot be used are one sentence each, before anything is read."""

import pytest
import yaml
from tests.own_rows import conf, rows, write

from fusion.config.data_options import checked
from fusion.config.errors import UserError
from fusion.config.paths import CONF_DIR
from fusion.snippets import sources


@pytest.mark.parametrize(
    ("kind", "given", "told"),
    [
        ("csv", {"limit": 0}, "data.limit=0 must be a whole number, at least 1, or null"),
        ("csv", {"limit": -5}, "data.limit=-5 must be"),
        ("csv", {"limit": "abc"}, "data.limit=abc must be"),
        ("csv", {"limit": True}, "data.limit=True must be"),
        ("small", {"per_label": -1}, "data.per_label=-1 must be"),
        ("small", {"per_package": None}, r"data.per_package=null must be a whole number, at least 1\.$"),
        ("small", {"workers": "abc"}, "data.workers=abc must be"),
        ("small", {"merge": "abc"}, "data.merge=abc must say what counts as what"),
        ("small", {"merge": {"JSX": 5}}, "data.merge={'JSX': 5} must say"),
        ("small", {"languages": 5}, "data.languages=5 must be a list of words"),
        ("small", {"languages": ["C", 5]}, r"data.languages=\['C', 5\] must be a list of words"),
        ("small", {"registries": ["foo"]}, "data.registries=foo is not known; give some of pypi, npm, deb, debsrc"),
        ("small", {"registries": []}, r"data.registries=\[\] has none"),
        ("small", {"registries": None}, r"data.registries=None has none"),
        ("small", {"held_out": 5}, "data.held_out=5 must be a list of words"),
        ("csv", {"path": 5}, r"data.path=5 must be one path; write a name of digits as ./5"),
        ("csv", {"path": ["a", "b"]}, r"data.path=\['a', 'b'\] must be one path\."),
        ("csv", {"text_column": 5}, r"data.text_column=5 must be a name; write one of digits in quotes"),
        ("csv", {"label_column": None}, "data.label_column=null must be a name"),
        ("csv", {"group_column": 5}, "data.group_column=5 must be a name"),
        ("csv", {"delimiter": ";;"}, "data.delimiter=;; must be one character"),
        ("csv", {"delimiter": 5}, "data.delimiter=5 must be one character"),
        ("csv", {"seed": -1}, "data.seed=-1 must be a whole number, at least 0"),
        ("parquet", {"streaming": "yes"}, "data.streaming=yes must be true or false"),
        ("parquet", {"scan": 0}, "data.scan=0 must be"),
    ],
)
def test_values_are_checked_before_anything_is_read(kind, given, told, cache_folder) -> None:
    with pytest.raises(UserError, match=told):
        sources.load(conf(kind, "nowhere") | given, cache_folder)
    assert not cache_folder.exists()


def test_one_word_is_a_list_of_one_and_a_written_tab_is_a_tab() -> None:
    found = checked(conf("small", "", languages="C", registries="npm", held_out="npm"))
    assert (found["languages"], found["registries"], found["held_out"]) == (["C"], ["npm"], ["npm"])
    assert checked(conf("csv", "", delimiter="\\t"))["delimiter"] == "\t"


@pytest.mark.parametrize("name", [path.stem for path in (CONF_DIR / "data").glob("*.yaml")])
def test_the_shipped_options_pass_as_they_are(name: str) -> None:
    shipped = yaml.safe_load((CONF_DIR / "data" / f"{name}.yaml").read_text())
    assert checked(shipped) == shipped


@pytest.mark.parametrize("kind", ["csv", "small"])
@pytest.mark.parametrize("below", ["", "folder"])
def test_a_cache_that_cannot_be_written_names_its_variable(kind: str, below: str, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"The cache .*file.* cannot be used \(.*\); set FUSION_CACHE to a folder"):
        sources.load(conf(kind, write("csv", tmp_path, rows())), tmp_path / "file" / below)
