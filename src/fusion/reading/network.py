"""The recognizer that fusion ships, run by torch: strips of a picture in numpy -> what it says of their cells."""

import threading
from functools import lru_cache

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from fusion.reading.cells import CellMaps
from fusion.reading.recognizer import Recognizer
from fusion.weights import shipped_weights

_LOADING = threading.Lock()


class TorchNetwork:
    """A recognizer as `read_picture` asks for it."""

    def __init__(self, net: Recognizer):
        self.net = net

    @torch.no_grad()
    def look(self, strip: np.ndarray) -> CellMaps:
        """(H, W, 3) uint8, both sides whole cells -> what stands in each cell."""
        maps = self.net(torch.from_numpy(strip.copy())[None])  # a copy, for a given picture may not be written to
        hidden = maps.hidden[0].permute(1, 2, 0).numpy()  # (h, w, hidden)
        return CellMaps(hidden, maps.ink[0].sigmoid().numpy(), maps.sizes[0].numpy(), maps.roles[0].sigmoid().numpy())

    @torch.no_grad()
    def characters(self, hidden: np.ndarray) -> np.ndarray:
        """Hidden values (N, hidden) of some cells -> log-probabilities of their characters (N, CLASSES)."""
        probabilities: np.ndarray = self.net.characters(torch.from_numpy(hidden)).log_softmax(1).numpy()
        return probabilities


def shipped_network() -> TorchNetwork:
    """Return the recognizer that fusion ships, loaded once. Raises UserError where its weights are damaged."""
    with _LOADING:  # two threads would load it twice
        return _shipped()


@lru_cache(maxsize=1)
def _shipped() -> TorchNetwork:
    return TorchNetwork(folded(shipped_recognizer()))


def shipped_recognizer() -> Recognizer:
    """Return the recognizer that fusion ships, as it was trained."""
    from safetensors.torch import load_file

    path, _ = shipped_weights("reader")
    return restored(load_file(path))


def restored(weights: dict[str, torch.Tensor]) -> Recognizer:
    """Return the recognizer with these weights, ready to read."""
    net = Recognizer()
    net.load_state_dict(
        {name: value.float() if value.is_floating_point() else value for name, value in weights.items()}
    )
    return net.eval().to(memory_format=torch.channels_last)


def folded(net: Recognizer) -> Recognizer:
    """Return the network with each normalisation made part of the convolution before it: a seventh less to do."""
    for layers in list(net.modules()):
        match list(layers.children()):
            case [nn.Conv2d() as convolution, nn.BatchNorm2d() as normalisation, *_] if isinstance(
                layers, nn.Sequential
            ):
                layers[0], layers[1] = fuse_conv_bn_eval(convolution, normalisation), nn.Identity()
    return net.to(memory_format=torch.channels_last)
