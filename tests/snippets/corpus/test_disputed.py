"""Labels that models of other projects dispute."""

from sklearn.feature_extraction.text import CountVectorizer

from fusion.snippets.corpus.disputed import disputed

PYTHON = [f"def f{n}(x):\n    return x + {n}" for n in range(30)]
C = [f"int f{n}(int x) {{ return x + {n}; }}" for n in range(30)]
RUBY = [f"def f{n}(x)\n  x + {n}\nend" for n in range(30)]


def test_a_wrong_label_is_disputed_and_right_ones_are_not():
    texts = [*PYTHON, *C, *RUBY]
    labels = ["Python"] * 30 + ["C"] * 30 + ["Ruby"] * 30
    labels[3] = "C"  # is Python
    projects = [f"p{n % 9}" for n in range(90)]
    counts = CountVectorizer(analyzer="char", ngram_range=(1, 3)).fit_transform(texts)
    found = disputed(counts, labels, projects, seed=0)
    assert ("Python", 1) in found["C"].taken_for and found["C"].disputed <= 2
    assert found["Python"].disputed + found["Ruby"].disputed <= 1
    assert {label: one.snippets for label, one in found.items()} == {"C": 31, "Python": 29, "Ruby": 30}


def test_two_labels_and_a_label_of_one_project_do():
    counts = CountVectorizer(analyzer="char", ngram_range=(1, 2)).fit_transform([*PYTHON, *C])
    found = disputed(counts, ["Python"] * 30 + ["C"] * 30, [f"p{n % 6}" for n in range(60)], seed=1)
    assert found["Python"].disputed == found["C"].disputed == 0
    alone = disputed(counts, ["Python"] * 30 + ["C"] * 30, ["one"] * 30 + [f"p{n % 6}" for n in range(30)], seed=1)
    assert alone["Python"].disputed == 0  # nobody can say: no model saw both labels without that project
