"""The baseline: what scikit-learn fitted and what the tensors say are the same."""

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import SGDClassifier

from fusion.branches import restore, restore_tokenizer
from fusion.branches.characters import Characters
from fusion.branches.linear import fit_linear

PYTHON = [f"def f{i}(x):\n    return x + {i}" for i in range(20)]
C = [f"int f{i}(int x) {{ return x + {i}; }}" for i in range(20)]
RUBY = [f"def f{i}(x)\n  x + {i}\nend" for i in range(20)]


@pytest.mark.parametrize("texts", [[PYTHON, C], [PYTHON, C, RUBY]])
def test_the_tensors_decide_as_scikit_learn_does(texts):
    labels = [str(number) for number, group in enumerate(texts) for _ in group]
    given = [text for group in texts for text in group]
    reader = Characters(4096, 4)
    module = fit_linear(given, labels, sorted(set(labels)), reader, seed=3)
    counts = reader.counts(given)
    scaled = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    learner = SGDClassifier(alpha=1e-5, class_weight="balanced", max_iter=8, tol=None, random_state=3)
    expected = learner.fit(scaled, labels).decision_function(scaled)
    out = module(reader(given)).numpy()
    assert np.allclose(out if out.shape[1] > 2 else out[:, 1], expected, atol=1e-3)
    assert (out.argmax(1) == np.array(labels, int)).mean() > 0.9


def test_spec_and_json_restore_the_same_answers():
    reader = Characters(512, 3)
    module = fit_linear(PYTHON + C, ["p"] * 20 + ["c"] * 20, ["c", "p"], reader, seed=0)
    again = restore({"name": "linear", "features": 512, "classes": 2})
    again.load_state_dict(module.state_dict())
    read = restore_tokenizer(reader.to_json(), {"name": "linear"})
    odd = ["", "\ud800", "日本", "int x"]
    assert torch.equal(again(read(odd)), module(reader(odd)))
    assert module(reader(odd)).isfinite().all()


def test_a_class_without_training_texts_is_never_the_answer():
    reader = Characters(512, 3)
    labels = ["p"] * 20 + ["c"] * 20
    module = fit_linear(PYTHON + C, labels, ["a", "c", "m", "p", "z"], reader, seed=0)
    without = fit_linear(PYTHON + C, labels, ["c", "p"], reader, seed=0)
    out = module(reader([*PYTHON, *C, ""]))
    assert out.shape == (41, 5)
    assert torch.equal(out[:, [1, 3]], without(reader([*PYTHON, *C, ""])))
    assert set(out.argmax(1).tolist()) <= {1, 3}
