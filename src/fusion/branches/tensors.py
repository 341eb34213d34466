"""Columns of a batch in numpy -> the same as tensors, which share their memory.

Tokenizers make numpy arrays, so that what answers without torch can read texts too.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def as_tensors(columns: Mapping[str, np.ndarray]) -> "dict[str, torch.Tensor]":
    import torch

    return {name: torch.from_numpy(column) for name, column in columns.items()}
