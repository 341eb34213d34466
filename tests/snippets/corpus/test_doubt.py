"""Windows that show their language, and windows that show another one, a template or a comment."""

import pytest

from fusion.snippets.corpus.comments import comment_lines
from fusion.snippets.corpus.doubt import doubt
from fusion.snippets.corpus.extract import extract

CASES = [
    ("C++", "static int add(int a, int b)\n{\n    return a + b;\n}", "contained"),
    ("C++", "std::vector<int> rows;\nrows.push_back(1);", ""),
    ("C++", "template <typename T>\nT add(T a, T b)", ""),
    ("C++", "int Row::size() const { return n; }", ""),
    ("C", "static int add(int a, int b)\n{\n    return a + b;\n}", ""),
    ("Objective-C", "if (a == NULL) {\n  return a->next;\n}", "contained"),
    ("Objective-C", "[self.view addSubview:label];", ""),
    ("Objective-C", "- (void)viewDidLoad\n{", ""),
    ("TypeScript", "const rows = table.map((row) => row.id)\nreturn rows", "contained"),
    ("TypeScript", "const rows: string[] = []", ""),
    ("TypeScript", "export interface Row {\n  id?: number\n}", ""),
    ("TypeScript", "async load(id: UserId): Promise<Row> {", ""),
    ("JavaScript", "const rows = table.map((row) => row.id)\nreturn rows", ""),
    ("HTML", "  var rows = [];\n  rows.push(1);\n  show(rows);", "contained"),
    ("HTML", "<ul>\n  <li>one</li>\n</ul>", ""),
    ("SQL", "{% macro a(b) %}\n  {{ return(b) }}\n{% endmacro %}", "template"),
    ("SQL", "select a\nfrom {{ ref('b') }}\nwhere c = 1", ""),
    ("SQL", "('Ruth', 'rs@example.org'),\n('Ann', 'ab@example.org')", "contained"),
    ("Python", '"""\nA long story.\n"""\nx = 1', "comment"),
    ("Python", "# why\nx = 1", ""),
]


@pytest.mark.parametrize(("language", "window", "expected"), CASES)
def test_a_window_is_doubted_for_what_it_shows(language, window, expected):
    assert doubt(window, language, comment_lines(window, language)) == expected


def test_what_is_inside_a_manual_is_known_from_the_file_it_was_cut_from():
    """A window from the middle of a manual has no mark that says so."""
    code = "\n".join(f"sub f{n} {{ return {n}; }}" for n in range(12))
    manual = "\n".join(["=head1 NAME", "", *(f"Line {n} says $x = {n};" for n in range(60)), "", "=cut"])
    windows = extract([("p/a.pl", f"{code}\n\n{manual}\n".encode())], {"Perl"}, 100, seed=0).windows["Perl"]
    doubts = {doubt(window.text, "Perl", window.comments) for window in windows if "says" in window.text}
    assert doubts == {"comment"}
    assert all(len(window.comments) == window.text.count("\n") + 1 for window in windows)
