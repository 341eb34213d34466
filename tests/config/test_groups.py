"""conf/: names that can be typed, and a file as Hydra composes it, the files it builds on included."""

import pytest
from tests.tiny import composed

from fusion.config import groups
from fusion.config.errors import UserError
from fusion.config.groups import names_in, read_group
from fusion.config.paths import CONF_DIR


def test_names_are_sorted_and_files_that_others_build_on_are_none_of_them():
    names = names_in("text")
    assert names == sorted(names) and {"none", "codeberta", "nano", "scratch"} <= {*names}
    assert not [name for name in names if name.startswith("_")] and names_in("nowhere") == []


def test_files_that_build_on_others_are_read_as_hydra_composes_them():
    for group in ("backbone", "text", "render"):
        paths = [path for path in (CONF_DIR / group).glob("[!_]*.yaml") if "defaults:" in path.read_text()]
        assert paths, group
        for name in sorted(path.stem for path in paths)[-3:]:
            content = read_group(group, name)
            left_open = [key for key, value in content.items() if value == "???"]
            given = [f"{group}.{key}=x" for key in left_open]
            assert composed(f"{group}={name}", *given)[group] == content | dict.fromkeys(left_open, "x"), name


def test_a_file_wins_over_those_it_builds_on():
    scratch, ladder = read_group("text", "scratch"), read_group("text", "ladder")
    assert scratch["name"] == "scratch" and scratch["variant"] != ladder["variant"]
    assert scratch.keys() == ladder.keys() and "defaults" not in scratch


def test_where_self_stands_decides_what_wins(tmp_path, monkeypatch):
    (tmp_path / "fruit").mkdir()
    for name, content in (("below", "a: 1\nb: 1"), ("over", "defaults: [below, _self_]\na: 2"),
                          ("under", "defaults: [_self_, below]\na: 2"), ("empty", "")):  # fmt: skip
        (tmp_path / "fruit" / f"{name}.yaml").write_text(content)
    monkeypatch.setattr(groups, "CONF_DIR", tmp_path)
    assert read_group("fruit", "over") == {"a": 2, "b": 1}
    assert read_group("fruit", "under") == {"a": 1, "b": 1}
    assert read_group("fruit", "empty") == {}


def test_what_is_read_may_be_changed_without_harm():
    read_group("text", "nano")["lr"] = None
    assert read_group("text", "nano")["lr"] == 0.01


def test_a_name_without_a_file_gets_the_nearest():
    with pytest.raises(UserError, match=r"^text=nanno is not known \(did you mean nano\?\); it is one of codeberta, "):
        read_group("text", "nanno")
