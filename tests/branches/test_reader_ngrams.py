"""backbone=reader_ngrams: pictures told by the text that is read in them."""

import torch

from fusion.branches import create_image
from fusion.config.branches import Backbone
from fusion.config.options import parse
from fusion.config.render import RenderOptions, Size
from fusion.screenshots.renderer import Renderer

TEXTS = ["def add(a, b):\n    return a + b\n\nprint(add(1, 2))", 'int main() {\n  puts("hello");\n  return 0;\n}']


def pictures(theme: str) -> torch.Tensor:
    render = {"font": "dejavu-sans-mono", "font_size": 14, "window": "none", "line_numbers": False, "theme": theme}
    renderer = Renderer(parse(RenderOptions, render), Size(256, 256), 256, 0)
    return torch.from_numpy(renderer(TEXTS, ["1", "2"], None, ["Python", "C"]))


@torch.no_grad()
def test_features_follow_the_text_and_not_its_colours() -> None:
    torch.manual_seed(0)
    module = create_image(Backbone(name="reader_ngrams", model="reader_ngrams", weights="random"), 256).module.eval()
    light, dark = module(pictures("vs")), module(pictures("monokai"))
    assert light.shape == (2, module.dim)
    own, other = (light - dark).abs().mean(), (light[0] - light[1]).abs().mean()
    assert own < other / 3


def test_only_the_embeddings_learn() -> None:
    module = create_image(Backbone(name="reader_ngrams", model="reader_ngrams", weights="random"), 256).module
    assert {name for name, _ in module.named_parameters()} == {
        f"net.embedding.{name}"
        for name in ("bag", *(f"norm.{k}.{part}" for k in range(3) for part in ("weight", "bias")))
    }
