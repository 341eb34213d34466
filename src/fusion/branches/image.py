"""Pictures (B, H, W, 3) uint8 -> features (B, dim), by any timm model."""

from typing import Any

import torch
from torch import nn

from fusion.branches.weights import Origin
from fusion.config import UserError, did_you_mean


class TimmBackbone(nn.Module):
    """A timm model without its classifier; normalises with the mean and deviation it was trained with."""

    mean: torch.Tensor  # (3, 1, 1), of 0 to 255
    std: torch.Tensor

    def __init__(self, model: str, input_shape: int, origin: Origin):
        super().__init__()
        self.net = _create(model, origin)
        published = self.net.pretrained_cfg
        self.original_input_shape: int = published["input_size"][-1]  # pixels
        self.register_buffer("mean", 255 * torch.tensor(published["mean"]).view(3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(published["std"]).view(3, 1, 1), persistent=False)
        self.dim = self._width(model, input_shape)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = image.permute(0, 3, 1, 2)  # (B, 3, H, W), channels last in memory
        x = (x.to(self.mean.dtype) - self.mean) / self.std  # (B, 3, H, W) float, on the device
        return self.net(x)  # (B, D)

    def _width(self, model: str, input_shape: int) -> int:
        """The features' width, from one empty picture; what cannot be run is found here, before training."""
        training, blank = self.training, torch.zeros(1, input_shape, input_shape, 3, dtype=torch.uint8)
        try:
            with torch.no_grad():
                features = self.eval()(blank)
        except (RuntimeError, ValueError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(
                f"{model} cannot take input_shape={input_shape} ({reason}); its own is {self.original_input_shape}."
            ) from error
        finally:
            self.train(training)
        if features.ndim != 2:
            raise UserError(f"{model} gives no single feature vector a picture; choose another backbone.model.")
        return features.shape[1]


def _create(model: str, origin: Origin) -> Any:
    import timm

    if not timm.is_model(model):
        raise UserError(f"timm has no model {model!r}{did_you_mean(model, timm.list_models())}.")
    if origin.kind == "random":
        net = timm.create_model(model, pretrained=False, num_classes=0)
    else:
        try:
            net = _loaded(model, str(origin.path))
        except Exception as error:  # SafetensorError and UnpicklingError derive from nothing narrower
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise UserError(f"The weights in {origin.path} do not fit {model} ({reason}).") from error
    return net.to(memory_format=torch.channels_last)


def _loaded(model: str, file: str) -> Any:
    """The model with the weights of the file. timm skips what it does not find there; here that is an error."""
    import timm

    with torch.random.fork_rng(devices=[]):  # both draw the same random weights
        fresh = timm.create_model(model, pretrained=False, num_classes=0)
    net = timm.create_model(model, pretrained=True, num_classes=0, pretrained_cfg_overlay={"file": file})
    for (name, start), value in zip(fresh.named_parameters(), net.parameters(), strict=True):
        if start.numel() > 1 and start.std() > 0 and torch.equal(start, value):
            raise ValueError(f"{name} is not among them")
    return net
