"""NASNet-A (Mobile): which cell reads the outputs of which others, as its published weights were trained."""

import pytest
import timm
import torch

from fusion.branches import nasnet  # noqa: F401, registers it with timm


@pytest.mark.parametrize(
    ("cell", "reads"),
    [
        ("cell_0", ("cell_stem_1", "cell_stem_0")), ("cell_1", ("cell_0", "cell_stem_1")),
        ("reduction_cell_0", ("cell_3", "cell_2")), ("cell_6", ("reduction_cell_0", "cell_3")),
        ("cell_7", ("cell_6", "reduction_cell_0")), ("reduction_cell_1", ("cell_9", "cell_8")),
        ("cell_12", ("reduction_cell_1", "cell_9")), ("cell_15", ("cell_14", "cell_13")),
    ],
)  # fmt: skip
def test_each_cell_reads_the_two_that_the_paper_says(cell, reads):
    net, given, outputs = timm.create_model("nasnetmobile", num_classes=0).eval(), [], {}
    for name, module in net.named_children():
        module.register_forward_hook(lambda _module, _given, out, name=name: outputs.update({name: out}))
    getattr(net, cell).register_forward_pre_hook(lambda _module, inputs: given.extend(inputs))
    with torch.no_grad():
        net(torch.zeros(1, 3, 64, 64))
    assert all(x is outputs[name] for x, name in zip(given, reads, strict=True))
