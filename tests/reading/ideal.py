"""What a perfect network would say of a drawn picture."""

from typing import Any

import numpy as np

from fusion.config.render import Size, load_render_options
from fusion.reading.alphabet import CLASSES
from fusion.reading.cells import Cells, place
from fusion.reading.targets import NUMBER_ROLE, TITLE_ROLE, Targets, targets
from fusion.screenshots.renderer import Renderer

SIZE = (256, 512)  # height and width of pictures


def aims_of(text: str, zoom: float = 1.0, **style: Any) -> Targets:
    """Draw a text as an editor without a frame and return the targets of its picture."""
    plain = {"font": "dejavu-sans-mono", "window": "none", "title": "", "line_numbers": False, "degradation": "none"}
    render = load_render_options("plain", **(plain | {"scale": zoom} | style))
    renderer = Renderer(render, Size(round(SIZE[1] * zoom), round(SIZE[0] * zoom)), 256, 0)
    scene = renderer.painter.scene([text], ["x"], np.array([5], np.uint64), None)
    return targets(renderer.painter, scene, zoom, SIZE)


def cells_of(aims: Targets) -> Cells:
    """The first picture's targets -> the cells of a network that is sure of them."""
    at = np.nonzero(aims.classes[0])
    classes, roles = aims.classes[0][at], aims.roles[0][at]
    characters = np.full((len(classes), CLASSES), -12.0)
    characters[np.arange(len(classes)), classes] = -0.01
    sizes = aims.sizes[0][:, at[0], at[1]]
    told = np.stack([roles == NUMBER_ROLE, roles == TITLE_ROLE]).astype(float)
    return place(at, np.ones(len(classes)), sizes, characters, told)
