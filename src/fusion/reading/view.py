"""A flat picture seen at an angle: where its points go, and how much larger things are there."""

from dataclasses import dataclass

import numpy as np

STEP = 0.5  # pixels over which growth is measured


@dataclass(frozen=True)
class View:
    """matrix: (3, 3), points of the flat picture -> points as they are seen, in homogeneous coordinates."""

    matrix: np.ndarray

    @classmethod
    def of_corners(cls, size: tuple[float, float], seen: np.ndarray) -> "View":
        """Return the view in which the corners of a picture of `size` (width, height) lie at `seen`, (4, 2).

        The corners are counted from the upper left one on, clockwise.
        """
        flat = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float) * size
        rows = []
        for (x, y), (u, v) in zip(flat, seen, strict=True):
            rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        numbers = np.linalg.solve(np.array(rows), np.asarray(seen, float).reshape(-1))
        return cls(np.append(numbers, 1.0).reshape(3, 3))

    def moved(self, points: np.ndarray) -> np.ndarray:
        """(N, 2) points of the flat picture -> (N, 2) where they are seen."""
        homogeneous = np.column_stack([points, np.ones(len(points))]) @ self.matrix.T
        return np.asarray(homogeneous[:, :2] / homogeneous[:, 2:])

    def growth(self, points: np.ndarray) -> np.ndarray:
        """(N, 2) points -> (N, 2) how much wider and how much taller what is small is seen there."""
        sides = []
        for step in ((STEP, 0.0), (0.0, STEP)):
            apart = self.moved(points + step) - self.moved(points - np.array(step))
            sides.append(np.hypot(*apart.T) / (2 * STEP))
        return np.column_stack(sides)

    def pillow(self) -> list[float]:
        """Return the eight numbers by which Pillow's PERSPECTIVE makes the picture seen out of the flat one."""
        back = self.inverse().matrix
        return [float(number) for number in (back / back[2, 2]).reshape(-1)[:8]]

    def inverse(self) -> "View":
        """Return the view that makes the picture flat again."""
        return View(np.linalg.inv(self.matrix))

    def scaled(self, zoom: float) -> "View":
        """Return the same view of the picture drawn that much larger."""
        larger = np.diag([zoom, zoom, 1.0])
        return View(larger @ self.matrix @ np.linalg.inv(larger))
