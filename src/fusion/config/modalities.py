"""modalities=text or image: a fused configuration -> that of one of its parts, everything else the same."""

from dataclasses import replace
from typing import TYPE_CHECKING

from fusion.config.branches import Backbone, Fusion, Text
from fusion.config.errors import UserError
from fusion.config.groups import read_group
from fusion.config.options import parse, to_dict
from fusion.config.training import Vary

if TYPE_CHECKING:
    from fusion.config.schema import Config


def keep_one(config: "Config") -> "Config":
    """Return the configuration as backbone=none or text=none asks for it by hand, where `modalities` names one part.

    What only a fusion has is put back to what conf/ says, so that a part is trained once, whatever it was fused by.
    Raises UserError for a part that is not there.
    """
    if config.modalities == "all":
        return config
    has_it = config.has_text if config.modalities == "text" else config.has_image
    if not has_it:
        group = "text" if config.modalities == "text" else "backbone"
        raise UserError(
            f"modalities={config.modalities} keeps a part that {group}=none leaves out; "
            f"give a {group}, or pass modalities=all."
        )
    neutral = replace(config, modalities="all", fusion=_without_fusing(config.fusion), situations=(), picture_share=1.0)
    if config.modalities == "text":
        backbone = parse(Backbone, read_group("backbone", "none"), "backbone")
        return replace(neutral, backbone=backbone, damage=replace(config.damage, picture=0.0))
    text = parse(Text, read_group("text", "none"), "text")
    return replace(neutral, text=text, damage=replace(config.damage, text=0.0), vary=Vary())


def _without_fusing(fusion: Fusion) -> Fusion:
    """Return the head of one modality: layers as in the fusion, all else as in conf/fusion/concat.yaml."""
    asked = to_dict(fusion)
    kept = {name: asked[name] for name in ("hidden", "dropout")}
    one: Fusion = parse(Fusion, read_group("fusion", "concat") | kept, "fusion")
    return one
