"""leak_meter.py's second depth: a small CNN on pictures coloured under each policy."""

import logging
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

from fusion.config.render import DEFAULT_FONT, Size, load_render_options
from fusion.screenshots.renderer import Renderer

log = logging.getLogger(__name__)

Rows = dict[str, list[str]]
BATCH = 64
SOURCE = Size(400, 400)
POLICIES = ("none", "neutral", "guessed", "random", "true")
LOOK = {  # one theme, so that a colour means one class: the most a policy can leak
    "theme": "monokai", "font": DEFAULT_FONT, "font_size": [10, 13], "scroll_y": [0, 0, 0.3, 0.6, 1],
    "mode": "direct",
}  # fmt: skip


def matrix(
    sides: dict[str, Rows],
    wrong: Callable[[Rows], list[str]],
    policies: list[str],
    epochs: int,
    seeds: int,
    shape: int,
) -> dict[str, Any]:
    """Return accuracies, trained under one policy and tested under another, flip rates and fits: means over seeds."""
    names = sorted(set(sides["train"]["label"]))
    tests = {policy: pictures(sides["test"], policy, sides["test"]["label"], shape) for policy in POLICIES}
    tests["wrong"] = pictures(sides["test"], "true", wrong(sides["test"]), shape)
    truth = np.array([names.index(label) for label in sides["test"]["label"]])
    misled = np.array([names.index(label) for label in wrong(sides["test"])])
    accuracy: dict[str, dict[str, float]] = {}
    flips: dict[str, float] = {}
    fits: dict[str, float] = {}
    for policy in policies:
        runs = [train(sides["train"], names, policy, epochs, seed, shape, tests) for seed in range(seeds)]
        accuracy[policy] = {
            name: round(float(np.mean([(answers[name] == truth).mean() for answers, _ in runs])), 3) for name in tests
        }
        flips[policy] = round(float(np.mean([(answers["wrong"] == misled).mean() for answers, _ in runs])), 3)
        fits[policy] = round(float(np.mean([fit for _, fit in runs])), 3)
    return {"accuracy": accuracy, "flip_rate": flips, "fit": fits, "seeds": seeds,
            "pictures_each": epochs * len(sides["train"]["text"])}  # fmt: skip


def make_renderer(policy: str, shape: int, seed: int) -> Renderer:
    return Renderer(load_render_options("plain", **LOOK, highlight=policy), SOURCE, shape, seed)


def pictures(rows: Rows, policy: str, labels: list[str], shape: int) -> np.ndarray:
    """Return (texts, shape, shape, 3) uint8 as evaluation sees them."""
    return make_renderer(policy, shape, 0)(rows["text"], rows["id"], None, labels)


def train(
    rows: Rows,
    names: list[str],
    policy: str,
    epochs: int,
    seed: int,
    shape: int,
    tests: dict[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], float]:
    """Return the answers of a trained net under every policy, and its accuracy on the training texts."""
    torch.manual_seed(seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    net = small_cnn(len(names)).to(device)
    renderer = make_renderer(policy, shape, seed)
    label = torch.tensor([names.index(name) for name in rows["label"]])
    steps = epochs * (len(label) // BATCH)
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for epoch in range(epochs):
        net.train()
        order = np.random.default_rng([seed, epoch]).permutation(len(label))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            some = order[start : start + BATCH]
            chosen = {key: [rows[key][i] for i in some] for key in rows}
            x = torch.from_numpy(renderer(chosen["text"], chosen["id"], epoch, chosen["label"]))
            loss = nn.functional.cross_entropy(net(prepared(x, device)), label[some].to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        log.info("%s, seed %d, epoch %d of %d: loss %.3f", policy, seed, epoch + 1, epochs, loss.item())
    fit = answers(net, pictures(rows, policy, rows["label"], shape), device) == label.numpy()
    return {name: answers(net, x, device) for name, x in tests.items()}, float(fit.mean())


def prepared(x: torch.Tensor, device: str) -> torch.Tensor:
    return x.to(device).permute(0, 3, 1, 2).float() / 127.5 - 1  # (B, 3, H, W)


@torch.no_grad()
def answers(net: nn.Module, x: np.ndarray, device: str) -> np.ndarray:
    net.eval()
    parts = [net(prepared(torch.from_numpy(x[i : i + 256]), device)).argmax(1).cpu() for i in range(0, len(x), 256)]
    return torch.cat(parts).numpy()


def small_cnn(classes: int) -> nn.Module:
    """Five convolutions, four of them strided; 0.4 million weights."""
    widths = (3, 24, 48, 96, 160)
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [
            nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
        ]
    layers += [nn.Conv2d(widths[-1], 160, 3, padding=1, bias=False), nn.BatchNorm2d(160), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(160, classes))
