"""Pictures (B, H, W, 3) uint8 -> features (B, dim), by any timm model, the small ConvNet or the reader of code."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from fusion.branches.weights import WeightSource
from fusion.config.errors import UserError, did_you_mean, first_line

OWN = ("convnet", "reader", "reader_ngrams")  # backbones that timm does not have
MAX_SIDE = 8  # patches along a side
LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601)


class TimmBackbone(nn.Module):
    """Pictures -> features by a network without its classifier, which normalises as it was trained.

    channels: 3, or 1 to give it the luminance alone; its first layer then sums over the colours.
    pooling: gap averages the last feature map over its area, flatten keeps all of it; patches keeps it patch by patch,
    up to MAX_SIDE along each side, for a fusion that looks at each of them (`token_shape`).
    """

    mean: torch.Tensor  # (channels, 1, 1), of 0 to 255
    std: torch.Tensor
    luminance: torch.Tensor  # (3, 1, 1)

    def __init__(self, model: str, input_shape: int, source: WeightSource, channels: int = 3, pooling: str = "gap"):
        super().__init__()
        self.channels, self.pooling = channels, pooling
        self.net = _create(model, source, input_shape, channels)
        published = self.net.pretrained_cfg
        self.original_input_shape: int = published["input_size"][-1]  # pixels
        self.published = {name: published[name] for name in ("mean", "std", "interpolation")}
        self.register_buffer("mean", _scale(published["mean"], channels), persistent=False)
        self.register_buffer("std", _scale(published["std"], channels), persistent=False)
        self.register_buffer("luminance", torch.tensor(LUMINANCE).view(3, 1, 1), persistent=False)
        self.token_shape: tuple[int, int] | None = None  # patches, and features of each
        self.dim = self._width(model, input_shape)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.normalised(image)
        if self.pooling == "gap":
            return self.net(x)  # (B, D)
        return self.pooled(self.net.forward_features(x))

    def pooled(self, maps: torch.Tensor) -> torch.Tensor:
        """Last feature map (B, D, h, w) -> features (B, dim), as in forward."""
        if self.pooling != "patches":
            return maps.flatten(1) if self.pooling == "flatten" else self.net.forward_head(maps)
        maps = F.adaptive_avg_pool2d(maps, (min(maps.shape[2], MAX_SIDE), min(maps.shape[3], MAX_SIDE)))
        patches = maps.flatten(2).transpose(1, 2)  # (B, P, D)
        self.token_shape = (patches.shape[1], patches.shape[2])
        return patches.flatten(1)

    def normalised(self, image: torch.Tensor) -> torch.Tensor:
        """(B, H, W, 3) uint8 -> (B, channels, H, W) float, channels last in memory, on the device."""
        x = image.permute(0, 3, 1, 2).to(self.mean.dtype)  # (B, 3, H, W)
        if self.channels == 1:
            x = (x * self.luminance).sum(1, keepdim=True)  # (B, 1, H, W)
        return (x - self.mean) / self.std

    def facts(self) -> dict[str, Any]:
        """Return what the record of a run says about the pictures read; mean and std of pixels from 0 to 1."""
        return {
            "original_input_shape": self.original_input_shape,
            "normalisation": {name: list(self.published[name]) for name in ("mean", "std")},
            "interpolation": self.published["interpolation"],
            "channels": self.channels,
            "pooling": self.pooling,
        }

    def _width(self, model: str, input_shape: int) -> int:
        """Return the width of the features of one empty picture.

        Raises UserError, before training, for a side that the network cannot take.
        """
        training, blank = self.training, torch.zeros(1, input_shape, input_shape, 3, dtype=torch.uint8)
        try:
            with torch.no_grad():
                features = self.eval()(blank)
        except (RuntimeError, ValueError, AssertionError) as error:
            raise UserError(
                f"{model} cannot take input_shape={input_shape} ({first_line(error)}); "
                f"its own is {self.original_input_shape}."
            ) from error
        finally:
            self.train(training)
        if features.ndim != 2 or not features.shape[1]:
            raise UserError(f"{model} gives no single feature vector a picture; choose another backbone.model.")
        return features.shape[1]


def _scale(published: tuple[float, ...], channels: int) -> torch.Tensor:
    """Shares of 1, one a colour -> (channels, 1, 1), of 255; the mean of the colours for one channel."""
    scale = 255 * torch.tensor(published).view(-1, 1, 1)
    return scale if channels == 3 else scale.mean(0, keepdim=True)


def _create(model: str, source: WeightSource, input_shape: int, channels: int) -> Any:
    if model == "convnet":
        return _convnet(source, input_shape, channels)
    if model == "reader":
        return _reader(source)
    if model == "reader_ngrams":
        return _reader_ngrams(source)
    import timm

    check(model)
    if source.kind == "random":
        net = timm.create_model(model, pretrained=False, num_classes=0, in_chans=channels)
    else:
        try:
            net = _load(model, str(source.path), channels)
        except Exception as error:  # SafetensorError and UnpicklingError derive from nothing narrower
            raise _do_not_fit(model, source, error) from error
    if hasattr(net, "pre_logits") and hasattr(net.pre_logits, "fc1"):
        net.pre_logits = nn.Identity()  # VGG's two dense layers: 120 of its 134 million parameters
    return net.to(memory_format=torch.channels_last)


def check(model: str) -> None:
    """Raise UserError for a backbone that neither timm nor fusion has."""
    if model in OWN:
        return
    import timm

    register(model)
    if not timm.is_model(model):
        raise UserError(f"timm has no model {model!r}{did_you_mean(model, timm.list_models())}.")


def register(model: str) -> None:
    """Register with timm a model that it lacks; nothing is imported for others."""
    if model == "nasnetmobile":
        from fusion.branches import nasnet  # noqa: F401


def _convnet(source: WeightSource, input_shape: int, channels: int) -> nn.Module:
    from fusion.branches.convnet import ConvNet

    try:
        net = ConvNet(input_shape, channels)
    except RuntimeError as error:
        raise UserError(f"convnet cannot take input_shape={input_shape}; its own is 64.") from error
    return _loaded(net, net, "convnet", source)


def _reader(source: WeightSource) -> nn.Module:
    from fusion.branches.reader import ReaderNet

    net = ReaderNet()
    return _loaded(net, net.recognizer, "reader", source)


def _reader_ngrams(source: WeightSource) -> nn.Module:
    from fusion.branches.reader_ngrams import ReadNgrams

    net = ReadNgrams()
    return _loaded(net, net, "reader_ngrams", source)


def _loaded(net: nn.Module, part: nn.Module, model: str, source: WeightSource) -> nn.Module:
    """Return a network of fusion's own, the weights of the file in that part of it."""
    if source.kind != "random":
        from timm.models import load_state_dict  # safetensors, or tensors alone

        try:
            part.load_state_dict(load_state_dict(str(source.path), weights_only=True))
        except Exception as error:
            raise _do_not_fit(model, source, error) from error
    return net.to(memory_format=torch.channels_last)


def _do_not_fit(model: str, source: WeightSource, error: Exception) -> UserError:
    return UserError(f"The weights in {source.path} do not fit {model} ({first_line(error)}).")


def _load(model: str, file: str, channels: int) -> Any:
    """Return the model with the weights of the file. Raises ValueError for one that is missing, which timm skips."""
    import timm

    fields: dict[str, Any] = {"num_classes": 0, "in_chans": channels}
    with torch.random.fork_rng(devices=[]):  # both draw the same random weights
        fresh = timm.create_model(model, pretrained=False, **fields)
    net = timm.create_model(model, pretrained=True, pretrained_cfg_overlay={"file": file}, **fields)
    for (name, random), value in zip(fresh.named_parameters(), net.parameters(), strict=True):
        if random.numel() > 1 and random.std() > 0 and torch.equal(random, value):
            raise ValueError(f"{name} is not among them")
    return net
