"""Which layers of a branch learn, and how fast: freezing, thawing in stages, batch normalisation.

A layer is a convolution with all that follows it up to the next one (its normalisation, say) or, in a network
with fewer than two of them, a block of a transformer. Layers are counted from the output:

    freeze: none            every layer learns
    freeze: all             none does; the branch is a fixed extractor of features
    freeze: all but 12      the last 12 do
    freeze: {1: all, 3: all but 12, 5: none}     from epoch 1, 3 and 5 on

Keras counts normalisations, activations, paddings and sums as layers too. Of MobileNetV2's 154, the last 34, 96 and
123 hold its last 12, 33 and 42 convolutions: from the depthwise one of block 13, 6 and 3 on.

    batchnorm: adapt        a layer that learns goes by its batch and moves its statistics; a frozen one keeps them
    batchnorm: frozen       no layer does: all keep the statistics they came with
    batchnorm: recalibrate  adapt, and after training the statistics are estimated anew on training pictures
"""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from fusion.config.branches import Freeze
from fusion.config.errors import UserError


def layers(branch: nn.Module) -> list[list[nn.Module]]:
    """Return the modules of a branch in their order, grouped into layers; together they hold every module once.

    What stands before a transformer's first block (its embeddings) is a layer of its own.
    """
    convolutions = [m for m in branch.modules() if isinstance(m, nn.Conv2d)]
    starts = {id(m) for m in (convolutions[1:] or _blocks(branch))}
    grouped: list[list[nn.Module]] = [[]]
    for module in branch.modules():
        if id(module) in starts:
            grouped.append([])
        grouped[-1].append(module)
    return grouped


def _blocks(branch: nn.Module) -> list[nn.Module]:
    """Return the longest row of modules of one kind."""
    rows = [[*m] for m in branch.modules() if isinstance(m, (nn.ModuleList, nn.Sequential))]
    return max((row for row in rows if len({type(m) for m in row}) == 1), key=len, default=[])


def stages(freeze: Freeze, count: int, option: str) -> dict[int, int]:
    """Return from which epoch, counted from 1, how many of the last of `count` layers learn.

    option: text or backbone, for the error. Raises UserError where more layers are named than there are.
    """
    for _, layers in freeze.stages:
        if layers is not None and layers > count:
            raise UserError(f"{option}.freeze=all but {layers}: there are {count} layers; use none to freeze nothing.")
    return {1: count} | {epoch: count if layers is None else layers for epoch, layers in freeze.stages}


def set_trainable(branch: nn.Module, trainable: int, batchnorm: str) -> None:
    """Let the last `trainable` layers learn and the others not: no gradient, no dropout, statistics that stay."""
    grouped = layers(branch)
    for number, layer in enumerate(grouped):
        learns = number >= len(grouped) - trainable
        for module in layer:
            module.training = learns and not (batchnorm == "frozen" and isinstance(module, _BatchNorm))
            for parameter in module.parameters(recurse=False):
                parameter.requires_grad_(learns)


def layerwise_lr(branch: nn.Module, decay: float) -> list[tuple[list[nn.Parameter], float]]:
    """Return parameters and the share of the learning rate they get: 1 for the last layer, then decay, decay², ..."""
    if decay == 1:
        return [([*branch.parameters()], 1.0)]
    grouped, seen = layers(branch), set[int]()
    groups = []
    for number, layer in enumerate(grouped):
        parameters = [p for module in layer for p in module.parameters(recurse=False) if id(p) not in seen]
        seen |= {id(p) for p in parameters}
        if parameters:
            groups.append((parameters, decay ** (len(grouped) - 1 - number)))
    return groups
