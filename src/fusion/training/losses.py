"""What is made small while training, beside the cross-entropy itself: weights of classes, penalties of the head."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import nn

from fusion.config.training import Penalty

ACTIVATIONS = (nn.ReLU, nn.GELU, nn.SiLU, nn.Tanh)
POWERS = {"none": 0.0, "root": 0.5, "balanced": 1.0}  # of how much rarer than the average a class is


def class_weights(labels: Iterable[str], classes: Sequence[str], kind: str) -> list[float]:
    """Training labels -> a weight for each class: (N / (C * N_c)) to the power of the kind, 0 without samples."""
    counts = Counter(labels)
    total = sum(counts.values())
    return [(total / (len(classes) * counts[name])) ** POWERS[kind] if counts[name] else 0.0 for name in classes]


class HeadPenalty:
    """L1 and L2 of the head's weights, biases and outputs (after their activation), as Keras' regularizers count them:
    sums over a layer, of outputs divided by the batch."""

    def __init__(self, head: nn.Module, l1: Penalty, l2: Penalty):
        self.factors = {name: (getattr(l1, name), getattr(l2, name)) for name in ("weights", "bias", "activity")}
        linear = [m for m in head.modules() if isinstance(m, nn.Linear)]
        self.parameters: dict[str, list[torch.Tensor]] = {
            "weights": [m.weight for m in linear],
            "bias": [m.bias for m in linear if m.bias is not None],
        }
        self.active = any(any(pair) for pair in self.factors.values())
        self.outputs: list[torch.Tensor] = []
        if any(self.factors["activity"]):
            for module in head.modules():
                if isinstance(module, ACTIVATIONS):
                    module.register_forward_hook(self._keep_output)

    def _keep_output(self, module: nn.Module, _given: Any, output: torch.Tensor) -> None:
        if module.training:
            self.outputs.append(output)

    def __call__(self, batch_size: int) -> torch.Tensor:
        """Return the penalty (), to be added to the loss of the forward pass that was just made."""
        total = torch.zeros((), device=self.parameters["weights"][0].device)
        for name in ("weights", "bias"):
            for value in self.parameters[name]:
                total = total + _norms(value, self.factors[name])
        for value in self.outputs:
            total = total + _norms(value, self.factors["activity"]) / batch_size
        self.outputs.clear()
        return total


def _norms(value: torch.Tensor, factors: tuple[float, float]) -> torch.Tensor:
    return factors[0] * value.abs().sum() + factors[1] * value.square().sum()
