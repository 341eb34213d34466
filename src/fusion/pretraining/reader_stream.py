"""Training rows -> an endless stream of pictures with every character's place: step number -> batch.

{"image": (B, H, W, 3) uint8, "classes": (B, h, w), "sizes": (B, 4, h, w), "roles": (B, h, w)}, see reading.targets.
Which rows, crops, signs, styles and damage a batch has depends on (seed, step) alone.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch.utils.data import Dataset

from fusion.config.training import ReaderTraining
from fusion.pretraining.disturbances import disturb
from fusion.pretraining.ligatures import WITH_LIGATURES, Run, draw_runs, visible_runs, without
from fusion.pretraining.odd_text import odd_text
from fusion.pretraining.photographs import draw_view, photograph
from fusion.pretraining.proportional import write_proportional
from fusion.pretraining.stream import WeightedRows
from fusion.pretraining.surroundings import Written, add_ideographs, add_interface, add_marks, add_things
from fusion.reading.targets import CODE_ROLE, TITLE_ROLE, Targets, blank_targets, cover, fill_written, targets
from fusion.screenshots.painter import Scene
from fusion.screenshots.renderer import Renderer
from fusion.screenshots.resize import resize
from fusion.screenshots.style import sample_key

Zoomed = tuple[float, Renderer]  # source pixels per pixel of the picture, and who draws it


class ReaderDataset(Dataset[dict[str, torch.Tensor]]):
    """Step number -> its batch, or this process's share of it."""

    def __init__(
        self, rows: WeightedRows, renderers: Sequence[Zoomed], batch_size: int, seed: int, options: ReaderTraining,
        rank: int = 0, world_size: int = 1,
    ):  # fmt: skip
        """renderers: drawn from evenly, their glyphs shared."""
        self.rows, self.renderers, self.batch_size, self.seed = rows, renderers, batch_size, seed
        self.options, self.rank, self.world_size = options, rank, world_size
        for _, renderer in renderers[1:]:
            renderer.painter.atlas = renderers[0][1].painter.atlas

    def __getitem__(self, step: int) -> dict[str, torch.Tensor]:
        rng = np.random.default_rng([self.seed, step])
        uniform, kind = rng.random(self.batch_size), rng.integers(len(self.renderers), size=self.batch_size)
        mine = slice(self.rank, None, self.world_size)
        rows, _ = self.rows.draw(uniform[mine])
        slots = range(self.rank, self.batch_size, self.world_size)
        side = self.renderers[0][1].shape
        image, aims = np.empty((len(slots), side, side, 3), np.uint8), blank_targets(len(slots), (side, side))
        for i, (slot, id) in enumerate(zip(slots, rows["id"], strict=True)):
            id = f"{id}.{slot}"  # a row may come twice
            own = np.random.default_rng([sample_key(self.seed, step, id)])
            text = odd_text(rows["text"][i], own, self.options.odd_text)
            zoom, renderer = self.renderers[int(kind[mine][i])]
            drawn = Drawing(zoom, renderer, text, id, rows["label"][i], step, own, self.options)
            for whole, part in zip(aims, drawn.targets(), strict=True):
                whole[i] = part[0]
            picture = drawn.picture([part[i] for part in aims])
            image[i] = disturb(picture, own)
        return {"image": torch.from_numpy(image)} | {
            name: torch.from_numpy(array) for name, array in aims._asdict().items()
        }


class Drawing:
    """One picture of one text, with what stands around the text and on it."""

    def __init__(
        self, zoom: float, renderer: Renderer, text: str, id: str, label: str, step: int, rng: np.random.Generator,
        options: ReaderTraining,
    ):  # fmt: skip
        self.zoom, self.renderer, self.text, self.rng, self.options = zoom, renderer, text, rng, options
        self.key = (id, step, label)
        self.scene = self._scene(text)
        self.sprites = renderer.painter.sprites(self.scene, 0)
        self.view = draw_view(renderer.shape, rng) if rng.random() < options.photographs else None

    def _scene(self, text: str) -> Scene:
        id, step, label = self.key
        return self.renderer.scene([text], [id], step, [label])

    def targets(self) -> Targets:
        """Return what is to be read of the text, (1, ...) each."""
        side = self.renderer.shape
        return targets(self.renderer.painter, self.scene, self.zoom, (side, side), self.view)

    def picture(self, aims: list[np.ndarray]) -> np.ndarray:
        """Return the picture, (H, W, 3) uint8. aims: its own targets, changed where something covers the text."""
        width, height = self.renderer.size
        source = np.empty((1, height, width, 3), np.uint8)
        if self.view is None and self.rng.random() < self.options.proportional:
            aims[0][:] = aims[2][:] = 0
            self._fill(write_proportional(source[0], self.text, self.zoom, self.rng), aims, CODE_ROLE)
        else:
            self._draw(source)
        if self.view is None:
            self._surround(source[0], aims)
        else:
            source[0] = photograph(source[0], self.view.scaled(self.zoom), self.rng)
        self.renderer.painter.degrade(self.scene, source)
        side = self.renderer.shape
        return resize(source, np.empty((1, side, side, 3), np.uint8))[0]

    def _draw(self, source: np.ndarray) -> None:
        """Draw the scene on (1, H, W, 3), with ligatures, ideographs and an editor's marks."""
        painter, columns, geometry = self.renderer.painter, self.scene.columns, self.scene.geometry[0]
        runs = self._joined(self.options.ligatures)
        painter.draw(self._scene(without(self.text, runs)) if runs else self.scene, source)
        palette = painter.palettes[int(columns["theme"][0])]
        pixels = max(1, int(np.rint(columns["font_size"][0] * columns["scale"][0])))
        if runs:
            font = painter.styles.choices("font")[int(columns["font"][0])]
            draw_runs(source[0], geometry, self.sprites, runs, font, pixels, palette.inks, palette.faces)
        add_ideographs(source[0], geometry, self.sprites, palette.inks, pixels, self.rng)
        if self.rng.random() < self.options.marks:
            add_marks(source[0], geometry, self.sprites, palette.ground, self.zoom, self.rng)

    def _surround(self, source: np.ndarray, aims: list[np.ndarray]) -> None:
        """Put things that are no text, and text that is no code, on the picture (H, W, 3)."""
        if self.rng.random() < self.options.clutter:
            cover(aims[0], add_things(source, self.zoom, self.rng), self.zoom)
        if self.rng.random() < self.options.interface:
            area, written = add_interface(source, self.zoom, self.text.split(), self.rng)
            cover(aims[0], [area], self.zoom)
            self._fill(written, aims, TITLE_ROLE)

    def _fill(self, written: Written, aims: list[np.ndarray], role: int) -> None:
        fill_written(written.boxes, written.slots, written.em, written.line_height, self.zoom, aims, role)

    def _joined(self, share: float) -> list[Run]:
        """Return the runs of signs that are drawn as ligatures."""
        font = self.renderer.painter.styles.choices("font")[int(self.scene.columns["font"][0])]
        if font not in WITH_LIGATURES or self.rng.random() >= share:
            return []
        return visible_runs(self.text, self.sprites)
