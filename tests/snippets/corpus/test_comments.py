"""Files -> which of their lines are comment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion.languages import LANGUAGES
from fusion.snippets.corpus.comments import comment_lines

CASES = {
    "C": ("/* one\n   two */\nint a; // three\n#include <a.h>\n  // four\n/* five */ int b;", "110010"),
    "Python": ('"""What it does.\n\nReturns nothing.\n"""\nx = f"""\nselect 1\n"""\n# a\ny = 1', "111101110"),
    "Perl": ("my $a;\n=head1 NAME\n\ntext\n\n=cut\nmy $b; # c\n# d", "01111101"),
    "Shell": ("#!/bin/sh\n# a\necho '#'\n", "0101"),
    "SQL": ("-- a\nselect 1 -- b\n/* c\nd */", "1011"),
    "OCaml": ("(* a\n b *)\nlet x = 1 (* c *)", "110"),
    "Pascal": ("{$mode objfpc}\n{ a\n b }\nx := 1;", "0110"),
    "Ruby": ("=begin\na\n=end\nputs 1\n# b", "11101"),
    "HTML": ("<!-- a\n b -->\n<p>c</p>", "110"),
    "JavaScript": ("/**\n * a\n */\nfoo();\n * 2", "11100"),
}


@pytest.mark.parametrize("language", CASES)
def test_lines_that_hold_comment_alone(language):
    text, expected = CASES[language]
    assert "".join("01"[comment] for comment in comment_lines(text, language)) == expected


@given(st.text("ab\"'#/*-{}()=\n ", max_size=60), st.sampled_from(sorted(LANGUAGES)))
def test_every_line_has_an_answer_and_blank_ones_hold_no_code(text, language):
    answers, lines = comment_lines(text, language), text.split("\n")
    assert len(answers) == len(lines)
    assert all(comment for comment, line in zip(answers, lines, strict=True) if not line.strip())
