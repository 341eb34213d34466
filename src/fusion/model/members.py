"""Answers of several members -> one: an average whose weights are fitted on validation.

A member is a network or a linear model that answers by itself. Its weight in the average may depend on how well a
picture could be read. Members that a sample lacks take no part.
"""

from collections.abc import Sequence

import torch
from torch import nn

ABSENT = -1e4  # log-weight of a member that a sample lacks
PENALTY = 1e-2  # of what weights depend on; chosen so that a few hundred rows do not bend them
STEPS = 100  # of L-BFGS, at most


class Members(nn.Module):
    """Logits (B, M, C), present (B, M) bool and quality (B, Q) -> log-probabilities (B, C).

    The probabilities of each member, sharpened by its temperature, are averaged with weights that add up to 1.
    Nothing in here learns with the network: `fit` sets it afterwards.
    """

    weight: torch.Tensor  # (M,) logarithms
    slope: torch.Tensor  # (M, Q), what the quality of reading adds to them
    temperature: torch.Tensor  # (M,)

    def __init__(self, names: Sequence[str], shares: Sequence[float], quality: int):
        """names: of the members; shares: the weight of each before they are fitted; quality: numbers a sample has."""
        super().__init__()
        self.names = tuple(names)
        self.register_buffer("weight", torch.tensor(shares).log())
        self.register_buffer("slope", torch.zeros(len(self.names), quality))
        self.register_buffer("temperature", torch.ones(len(self.names)))

    def forward(self, logits: torch.Tensor, present: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
        return average(logits, present, quality, self.weight, self.slope, self.temperature)

    @torch.inference_mode(False)
    @torch.enable_grad()
    def fit(
        self, logits: torch.Tensor, present: torch.Tensor, quality: torch.Tensor, truth: torch.Tensor
    ) -> dict[str, float]:
        """Set weights and temperatures to those of the least loss on rows that nothing was trained on.

        truth: (N,) classes. Returns the mean weight that each member has on these rows.
        """
        weight, slope = self.weight.clone().double().requires_grad_(), self.slope.clone().double().requires_grad_()
        log_t = self.temperature.clone().double().log().requires_grad_()
        given = (logits.double(), present, quality.double())
        search = torch.optim.LBFGS([weight, slope, log_t], max_iter=STEPS, line_search_fn="strong_wolfe")

        def loss() -> torch.Tensor:
            search.zero_grad()
            answer = average(*given, weight, slope, log_t.exp())  # (N, C)
            nll = nn.functional.nll_loss(answer, truth)
            total = nll + PENALTY * (slope.square().sum() + log_t.square().sum() + 0.1 * weight.square().sum())
            total.backward()
            return total

        search.step(loss)
        with torch.no_grad():
            self.weight.copy_(weight)
            self.slope.copy_(slope)
            self.temperature.copy_(log_t.exp())
            shares = log_shares(present, given[2], weight, slope).exp().mean(0)  # (M,)
        return {name: round(float(share), 2) for name, share in zip(self.names, shares, strict=True)}


def log_shares(present: torch.Tensor, quality: torch.Tensor, weight: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
    """Return the logarithm of the weight of each member for each sample (B, M)."""
    scores = weight + quality @ slope.T  # (B, M)
    return scores.masked_fill(~present, ABSENT).log_softmax(1)


def average(
    logits: torch.Tensor,
    present: torch.Tensor,
    quality: torch.Tensor,
    weight: torch.Tensor,
    slope: torch.Tensor,
    temperature: torch.Tensor,
) -> torch.Tensor:
    """Return the logarithm of the averaged probabilities (B, C)."""
    answers = (logits / temperature[:, None]).log_softmax(2)  # (B, M, C)
    return (log_shares(present, quality, weight, slope)[:, :, None] + answers).logsumexp(1)
