"""data.*: a value that cannot be used is one sentence, before anything is read."""

import pytest
from tests.own_rows import conf, rows, write

from fusion.config.data import Folder, Packages, Rows, load_data_options
from fusion.config.errors import UserError
from fusion.config.groups import names_in, read_group
from fusion.config.options import to_dict
from fusion.snippets import sources


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("csv", {"limit": 0}, r"data.limit=0 must be a whole number of at least 1, or null\."),
        ("csv", {"limit": -5}, "data.limit=-5 must be"),
        ("csv", {"limit": "abc"}, "data.limit=abc must be"),
        ("csv", {"limit": True}, "data.limit=true must be"),
        ("csv", {"limit": 1.5}, "data.limit=1.5 must be"),
        ("small", {"per_label": -1}, "data.per_label=-1 must be"),
        ("small", {"per_package": None}, r"data.per_package=null must be a whole number of at least 1\.$"),
        ("small", {"workers": "abc"}, "data.workers=abc must be"),
        ("small", {"other": -1}, r"data.other=-1 must be a whole number of at least 0\.$"),
        ("small", {"other_languages": 5}, "data.other_languages=5 must be a list of words"),
        ("small", {"merge": "abc"}, "data.merge=abc must be given as what counts as what"),
        ("small", {"merge": {"JSX": 5}}, 'data.merge={"JSX": 5} must be given'),
        ("small", {"merge": None}, "data.merge=null must be given"),
        ("small", {"languages": 5}, "data.languages=5 must be a list of words"),
        ("small", {"languages": ["C", 5]}, r'data.languages=\["C", 5\] must be a list of words'),
        (
            "small",
            {"registries": ["foo"]},
            r'data.registries=\["foo"\] must be a list of some of pypi, npm, deb, debsrc',
        ),
        ("small", {"registries": []}, r"data.registries=\[\] must be a list of some"),
        ("small", {"registries": None}, "data.registries=null must be a list of some"),
        ("small", {"held_out": 5}, "data.held_out=5 must be a list of words"),
        ("small", {"set": "smal"}, r"data.set=smal is not known \(did you mean small\?\)"),
        ("csv", {"path": 5}, r"data.path=5 must be one path; write a name of digits as ./5\."),
        ("csv", {"path": True}, r"data.path=true must be one path\."),
        ("csv", {"path": ["a", "b"]}, r'data.path=\["a", "b"\] must be one path\.'),
        ("csv", {"text_column": 5}, "data.text_column=5 must be the name of a column; write one of digits in quotes"),
        ("csv", {"label_column": None}, "data.label_column=null must be the name of a column"),
        ("csv", {"label_column": ""}, "data.label_column= must be the name of a column"),
        ("csv", {"group_column": 5}, "data.group_column=5 must be the name of a column"),
        ("csv", {"delimiter": ";;"}, "data.delimiter=;; must be one character"),
        ("csv", {"delimiter": 5}, "data.delimiter=5 must be one character"),
        ("csv", {"delimiter": '"'}, 'data.delimiter=" must be one character'),
        ("csv", {"seed": -1}, "data.seed=-1 must be a whole number from 0"),
        ("csv", {"seed": None}, "data.seed=null must be a whole number from 0"),
        ("hub", {"name": 5}, "data.name=5 must be a word, or null"),
        ("parquet", {"streaming": "yes"}, "data.streaming=yes is not known; it is one of true, false"),
        ("parquet", {"scan": 0}, "data.scan=0 must be"),
        ("csv", {"limti": 5}, r"data.limti is not known \(did you mean limit\?\)"),
    ],
)
def test_a_value_that_cannot_be_used_is_one_sentence(name, given, told) -> None:
    with pytest.raises(UserError, match=told):
        load_data_options(name, **given)


def test_an_unknown_kind_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"cvs is not known \(did you mean csv\?\); it is one of .*folder, csv"):
        load_data_options("csv", kind="cvs")


def test_one_word_is_a_list_of_one_and_a_written_tab_is_a_tab() -> None:
    found = load_data_options("small", languages="C", registries="npm", held_out="npm")
    assert (found.languages, found.registries, found.held_out) == (("C",), ("npm",), ("npm",))
    assert load_data_options("csv", delimiter="\\t").delimiter == "\t"


@pytest.mark.parametrize("name", names_in("data"))
def test_the_shipped_options_pass_as_they_are(name: str) -> None:
    options = load_data_options(name)
    assert isinstance(options, {"folder": Folder}.get(name, Packages if hasattr(options, "set") else Rows))
    assert to_dict(options).items() >= read_group("data", name).items()


@pytest.mark.parametrize("name", ["csv", "small"])
@pytest.mark.parametrize("below", ["", "folder"])
def test_a_cache_that_cannot_be_written_names_its_variable(name: str, below: str, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    data = load_data_options("small") if name == "small" else conf("csv", write("csv", tmp_path, rows()))
    with pytest.raises(
        UserError, match=r"The cache .*file.* cannot be used \(.*\); set FUSION_CACHE to one that can be written"
    ):
        sources.load(data, tmp_path / "file" / below)
