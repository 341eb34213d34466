"""What is made small while training, beside the cross-entropy itself: weights of classes, penalties of the head."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from fusion.config import values

PENALISED = ("weights", "bias", "activity")
ACTIVATIONS = (nn.ReLU, nn.GELU, nn.SiLU, nn.Tanh)
POWERS = {"none": 0.0, "root": 0.5, "balanced": 1.0}  # of how much rarer than the average a class is
PLAIN: dict[str, Any] = {"label_smoothing": 0.0, "class_weights": "none", "l1": {}, "l2": {}}
PENALTIES: values.Rules = dict.fromkeys(PENALISED, values.NOT_NEGATIVE)
RULES: values.Rules = {
    "label_smoothing": values.BELOW_ONE,
    "class_weights": values.one_of(*POWERS),
    "l1": PENALTIES,
    "l2": PENALTIES,
}


def check(loss: Mapping[str, Any]) -> None:
    """Raises UserError for values of `loss` that mean nothing."""
    values.check(loss, RULES, "loss", complete=True)


def class_weights(labels: Iterable[str], classes: Sequence[str], kind: str) -> list[float]:
    """Training labels -> a weight for each class: (N / (C * N_c)) to the power of the kind, 0 without samples."""
    counts = Counter(labels)
    total = sum(counts.values())
    return [(total / (len(classes) * counts[name])) ** POWERS[kind] if counts[name] else 0.0 for name in classes]


class Penalty:
    """L1 and L2 of the head's weights, biases and outputs (after their activation), as Keras' regularizers count them:
    sums over a layer, of outputs divided by the batch."""

    def __init__(self, head: nn.Module, l1: Mapping[str, float], l2: Mapping[str, float]):
        self.shares = {name: (l1.get(name, 0.0), l2.get(name, 0.0)) for name in PENALISED}
        linear = [m for m in head.modules() if isinstance(m, nn.Linear)]
        self.held: dict[str, list[torch.Tensor]] = {
            "weights": [m.weight for m in linear],
            "bias": [m.bias for m in linear if m.bias is not None],
        }
        self.active = any(any(pair) for pair in self.shares.values())
        self.outputs: list[torch.Tensor] = []
        if any(self.shares["activity"]):
            for module in head.modules():
                if isinstance(module, ACTIVATIONS):
                    module.register_forward_hook(self._heard)

    def _heard(self, module: nn.Module, _given: Any, output: torch.Tensor) -> None:
        if module.training:
            self.outputs.append(output)

    def __call__(self, batch_size: int) -> torch.Tensor:
        """-> (), to be added to the loss of the forward pass that was just made."""
        total = torch.zeros((), device=self.held["weights"][0].device)
        for name in ("weights", "bias"):
            for value in self.held[name]:
                total = total + _norms(value, self.shares[name])
        for value in self.outputs:
            total = total + _norms(value, self.shares["activity"]) / batch_size
        self.outputs.clear()
        return total


def _norms(value: torch.Tensor, shares: tuple[float, float]) -> torch.Tensor:
    return shares[0] * value.abs().sum() + shares[1] * value.square().sum()
