"""A linear model beside a branch: what scikit-learn fitted, cut to its largest rows and to 8 bits."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import normalize

from fusion.branches import create_text, restore, restore_tokenizer
from fusion.branches.linear_member import ALPHA, SHARPNESS, LinearMember, fit_linear_member, rarity, rows_for
from fusion.branches.ngrams import LINEAR_FEATURES, Ngrams, train_ngrams
from fusion.config.branches import Micro, Nano

PYTHON = [f"def f{i}(x):\n    return x + {i}" for i in range(20)]
C = [f"int f{i}(int x) {{ return x + {i}; }}" for i in range(20)]
RUBY = [f"def f{i}(x)\n  x + {i}\nend" for i in range(20)]
TEXTS, LABELS = PYTHON + C + RUBY, ["p"] * 20 + ["c"] * 20 + ["r"] * 20
GROUPS = [str(number % 5) for number in range(60)]
ROWS = {"text": TEXTS, "group": GROUPS, "label": LABELS}


def reader() -> Ngrams:
    return train_ngrams(TEXTS, GROUPS, 2)


def test_with_all_rows_it_says_what_scikit_learn_does():
    read = reader()
    weights = read.sparse(TEXTS)
    scaled = normalize(weights * rarity(weights, GROUPS))
    learner = SGDClassifier(alpha=ALPHA, class_weight="balanced", max_iter=8, tol=None, random_state=3)
    margins = learner.fit(scaled, LABELS).decision_function(scaled)
    expected = torch.tensor(SHARPNESS * margins).log_softmax(1)
    out = fit_linear_member(ROWS, ["c", "p", "r"], read, LINEAR_FEATURES, seed=3)(read(TEXTS))
    assert (out.exp() - expected.exp()).abs().max() < 0.02  # 8 bits


def test_what_one_project_says_often_is_as_rare_as_what_it_says_once():
    counts = csr_array(np.array([[1.0, 1, 0], [1, 1, 0], [1, 0, 0], [1, 0, 1]]))
    assert np.allclose(rarity(counts, ["p", "p", "q", "r"]), np.log([4 / 4, 4 / 2, 4 / 2]) + 1)
    alone = TfidfTransformer().fit(counts).idf_  # each row a project: scikit-learn's
    assert np.allclose(rarity(counts, ["a", "b", "c", "d"]), alone)


def test_the_rows_kept_are_those_that_weigh_most_and_decide_as_if_there_were_no_others():
    read = reader()
    whole, part = (fit_linear_member(ROWS, ["c", "p", "r"], read, rows, seed=0) for rows in (LINEAR_FEATURES, 400))
    assert part.weights.shape == (400, 3) and (part.buckets.diff() > 0).all()
    size = (whole.weights * whole.scale).abs().amax(1)
    assert size[part.buckets.long()].min() >= size.sort(descending=True).values[399] - whole.scale.max() / 2
    truth = np.array([["c", "p", "r"].index(label) for label in LABELS])
    assert (part(read(TEXTS)).argmax(1).numpy() == truth).all()
    kept = read(TEXTS)
    kept["linear_weight"] = kept["linear_weight"] * (part.row_of[kept["linear_ids"]] >= 0)
    assert torch.equal(part(kept), part(read(TEXTS)))


def test_micro_is_the_linear_model_by_itself():
    micro = create_text(Micro(name="micro", weights=900, min_groups=2), ROWS, ["c", "p", "r"])
    assert micro.spec == {"name": "micro", "rows": 300, "classes": 3} and micro.weights == "fitted"
    again = restore(micro.spec)
    again.load_state_dict(micro.module.state_dict())
    read_again = restore_tokenizer(micro.tokenizer.to_json(), micro.spec)
    assert torch.equal(again(read_again(TEXTS)), micro.module(micro.tokenizer(TEXTS)))
    nano = Nano(name="nano", buckets=64, num_hashes=1, dim=4, ngram_dropout=0.0, ensemble_weights=900, min_groups=2)
    member = create_text(nano, ROWS, ["c", "p", "r"]).module.linear_member
    assert torch.equal(member(reader()(TEXTS)), micro.module(micro.tokenizer(TEXTS)))


def test_a_class_without_training_texts_has_no_probability():
    read = reader()
    linear_member = fit_linear_member(ROWS, ["a", "c", "p", "r", "z"], read, 500, seed=0)
    out = linear_member(read([*TEXTS, "", "\ud800"])).exp()
    assert out.isfinite().all() and torch.allclose(out.sum(1), torch.ones(62))
    assert (out[:, [0, 4]] == 0).all()


def test_what_is_stored_is_what_is_used():
    read = reader()
    nano = Nano(name="nano", buckets=64, num_hashes=1, dim=4, ngram_dropout=0.0, ensemble_weights=900, min_groups=2)
    branch = create_text(nano, ROWS, ["c", "p", "r"])
    assert branch.spec["linear_member"] == {"rows": 300, "classes": 3}
    again = restore(branch.spec)
    again.load_state_dict(branch.module.state_dict())
    read_again = restore_tokenizer(read.to_json(), branch.spec)
    assert torch.equal(again.linear_member(read_again(RUBY)), branch.module.linear_member(read(RUBY)))
    assert {name: value.dtype for name, value in again.linear_member.state_dict().items()}["weights"] == torch.int8


@pytest.mark.parametrize(
    ("weights", "classes", "rows"), [(0, 9, 0), (900, 9, 100), (900, 1, 0), (900, 0, 0), (10**9, 2, LINEAR_FEATURES)]
)
def test_rows_are_the_weights_shared_by_the_classes(weights, classes, rows):
    assert rows_for(weights, classes) == rows


def test_with_one_training_label_there_is_no_linear_member():
    rows = {"text": PYTHON, "group": ["g"] * 20, "label": ["p"] * 20}
    nano = Nano(name="nano", buckets=64, num_hashes=1, dim=4, ngram_dropout=0.0, ensemble_weights=900, min_groups=1)
    assert create_text(nano, rows, ["p", "c"]).module.linear_member is None


def test_without_weights_every_class_is_as_likely():
    out = LinearMember(4, 5)(Ngrams([])(["a = 1"]))
    assert torch.allclose(out.exp(), torch.full((1, 5), 0.2))
