"""Options of conf/render as plain values -> a renderer, as a command makes it."""

from typing import Any

from fusion.config.options import parse
from fusion.config.render import RenderOptions, check_view, parse_size
from fusion.screenshots.renderer import Renderer


def make_renderer(options: dict[str, Any], source_size: Any, input_shape: int, seed: int = 0) -> Renderer:
    """Raise UserError for options that no picture can be drawn with."""
    render, size = parse(RenderOptions, options, "render"), parse_size(source_size)
    check_view(render, size)
    return Renderer(render, size, input_shape, seed)
