"""Each way to fuse: shapes, what a missing modality does, and that all of it learns."""

import pytest
import torch

from fusion.model import heads
from fusion.model.heads import Bilinear, Concat, CrossAttention, Gated
from fusion.model.late_fusion import ALL, LINEAR, NETWORK, LateFusion

WIDTHS, CLASSES, ROWS = (6, 8, 4), 5, 40
FUSIONS = ("concat", "average", "gated", "bilinear", "attention", "stacking")


def make(name):
    torch.manual_seed(0)
    match name:
        case "concat":
            return Concat(WIDTHS, CLASSES, [9], 0.0)
        case "gated":
            return Gated(WIDTHS, CLASSES, [], 0.0, width=8)
        case "bilinear":
            return Bilinear(WIDTHS, CLASSES, [], 0.0, width=8)
        case "attention":
            return CrossAttention([(3, 2), (4, 2), (1, 4)], CLASSES, [], 0.0, width=8)


def given():
    torch.manual_seed(1)
    return [torch.randn(ROWS, width) for width in WIDTHS], torch.ones(ROWS, len(WIDTHS), dtype=torch.bool)


@pytest.mark.parametrize("name", ["concat", "gated", "bilinear", "attention"])
def test_a_head_gives_logits_and_all_of_it_learns(name):
    head, (features, present) = make(name), given()
    present[0, 1] = present[1, 2] = False  # so that what stands for a missing modality learns too
    logits = head(features, present)
    assert logits.shape == (ROWS, CLASSES) and logits.isfinite().all()
    logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in head.parameters())


@pytest.mark.parametrize("name", ["gated", "bilinear", "attention"])
def test_a_missing_modality_does_not_matter_to_what_weighs_them(name):
    head, (features, present) = make(name).eval(), given()
    present[:, 1] = False
    if name == "gated":  # whose gates see all features: LateFusion gives them those that stand for a missing one
        features[1][:] = 0
    before = head(features, present)
    if name != "gated":
        features[1] += 100
    assert torch.equal(before, head(features, present))


@pytest.mark.parametrize("name", ["gated", "bilinear", "attention"])
def test_with_one_modality_left_or_none_the_answer_is_finite(name):
    head, (features, present) = make(name).eval(), given()
    present[:, 1:] = False
    assert head(features, present).isfinite().all()
    present[:] = False
    assert head(features, present).isfinite().all()


def test_gates_add_up_to_one_over_the_modalities_that_are_there():
    head, (features, present) = make("gated"), given()
    for layer in head.project:  # so that every value is tanh(1)
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.ones_(layer.bias)
    present[0, 0] = False
    seen = []
    head.out.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    head(features, present)
    assert torch.allclose(seen[0], torch.full_like(seen[0], 1.0).tanh())


class Branch(torch.nn.Module):
    """(B, width) -> (B, dim)."""

    def __init__(self, width: int, dim: int, member=None):
        super().__init__()
        self.dim = dim
        self.linear = torch.nn.Linear(width, dim)
        self.linear_member = member

    def forward(self, x):
        return self.linear(x)  # (B, dim)


class Sure(torch.nn.Module):
    """A linear member that is nearly sure of class 2."""

    def forward(self, x):
        return torch.tensor([[0.0, 0.0, 9.0, 0.0, 0.0]]).log_softmax(1).expand(len(x), -1)


def net(name, member=True, **options):
    torch.manual_seed(0)
    branches = {"text": Branch(3, 4, Sure() if member else None), "image": Branch(5, 6)}
    fusion = {"hidden": [], "dropout": 0.0, "width": 8, "auxiliary": 0.3, "modality_dropout": 0.4, "missing": "learned"}
    return LateFusion(branches, CLASSES, **fusion | {"name": name} | options)


def batch():
    torch.manual_seed(2)
    there = torch.ones(ROWS, dtype=torch.bool)
    return {
        "text": torch.randn(ROWS, 3),
        "image": torch.randn(ROWS, 5),
        "present": {"text": there, "image": there.clone()},
    }


@pytest.mark.parametrize("name", FUSIONS)
def test_every_fusion_says_what_all_and_each_modality_say(name):
    answers = net(name).eval().answers(batch())
    assert set(answers) == {ALL, NETWORK, LINEAR, "text", "image"}
    assert all(logits.shape == (ROWS, CLASSES) and logits.isfinite().all() for logits in answers.values())
    assert (answers[LINEAR].argmax(1) == 2).all()
    assert (answers["text"].softmax(1)[:, 2] > answers["image"].softmax(1)[:, 2]).all()


@pytest.mark.parametrize("name", FUSIONS)
@pytest.mark.parametrize("missing", ["text", "image"])
def test_what_a_sample_lacks_does_not_matter(name, missing):
    model, rows = net(name).eval(), batch()
    rows["present"][missing][0] = False
    before = model(rows)
    rows[missing][0] += 100
    after = model(rows)
    assert torch.allclose(before, after, atol=1e-6)
    left = "image" if missing == "text" else "text"
    assert torch.allclose(after[0].softmax(0), model.answers(rows)[left][0].softmax(0), atol=1e-5)


@pytest.mark.parametrize("name", FUSIONS)
def test_rows_without_pictures_or_texts_are_batches_too(name):
    model, rows = net(name).eval(), batch()
    both = model.answers(rows)
    for missing in ("text", "image"):
        fewer = {of: value for of, value in rows.items() if of != missing}
        fewer["present"] = rows["present"] | {missing: torch.zeros(ROWS, dtype=torch.bool)}
        left = "image" if missing == "text" else "text"
        assert torch.allclose(model(fewer).softmax(1), both[left].softmax(1), atol=1e-5)


@pytest.mark.parametrize("name", FUSIONS)
def test_everything_that_learns_gets_a_gradient(name):
    from fusion.config.training import Adam
    from fusion.training.task import ClassificationTask

    task = ClassificationTask(net(name), CLASSES, 0.1, {}, Adam(name="adam")).train()
    rows = batch() | {"label": torch.arange(ROWS) % CLASSES}
    torch.manual_seed(3)
    task.training_loss(task.net.answers(rows), rows).backward()
    without = {n for n, p in task.net.named_parameters() if p.grad is None or not p.grad.abs().sum()}
    ignored = {n for n in without if n.startswith("missing") and name != "concat"}  # the others weigh it by 0
    assert without == ignored


def test_the_average_of_probabilities_counts_each_modality_once():
    model, rows = net("average").eval(), batch()
    answers = model.answers(rows)
    mean = (answers["text"].softmax(1) + answers["image"].softmax(1)) / 2
    assert torch.allclose(answers[ALL].softmax(1), mean, atol=1e-5)


def test_what_is_read_is_a_modality_of_its_own():
    torch.manual_seed(0)
    branches = {"text": Branch(3, 4), "image": Branch(5, 6)}

    class Text(torch.nn.Module):
        dim, linear_member = 4, None

        def forward(self, text):
            return branches["text"](text["x"])

    model = LateFusion({"text": Text(), "image": branches["image"]}, CLASSES, [], 0.0, read=True, auxiliary=0.3).eval()
    rows = batch()
    rows["read"] = {"x": torch.randn(ROWS, 3), "quality": torch.rand(ROWS, 4)}
    rows["text"] = {"x": rows["text"]}
    rows["present"]["read"] = torch.ones(ROWS, dtype=torch.bool)
    before = model.answers(rows)
    assert set(before) == {ALL, "text", "image", "read"}
    rows["read"]["quality"] = rows["read"]["quality"] + 1
    assert not torch.allclose(before[ALL], model(rows)), "how well it was read is seen"
    rows["present"]["read"][:] = False
    unread = model(rows)
    rows["read"]["x"] += 100
    assert torch.equal(unread, model(rows))


def test_a_model_of_one_modality_has_no_other_answers():
    assert set(LateFusion({"image": Branch(5, 6)}, CLASSES, [], 0.0, name="gated").eval().answers(batch())) == {ALL}


def test_hidden_layers_of_a_head_are_as_wide_as_asked():
    layers = [m.out_features for m in heads.mlp(3, [7, 6], 0.1, 2) if isinstance(m, torch.nn.Linear)]
    assert layers == [7, 6, 2]


def test_attention_looks_at_the_tokens_that_a_branch_says_it_has():
    branches = {"text": Branch(3, 4), "image": Branch(5, 6)}
    branches["image"].token_shape = (3, 2)
    model = LateFusion(branches, CLASSES, [], 0.0, name="attention", width=8)
    assert model.head.tokens == [(1, 4), (3, 2)]
    assert model.eval()(batch()).shape == (ROWS, CLASSES)
