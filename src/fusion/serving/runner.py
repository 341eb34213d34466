"""A reference: what `fusion export` wrote -> answers, in numpy and onnxruntime alone. Copied into the folder as it is.

python runner.py FILE ...     the most probable label of each file, one JSON object a line

For who wants these models in another program or language: everything that happens before and after the graphs stands
here, in the plainest way. Texts are read for text=nano and micro. A model that sees pictures is asked with what is
given, a text or a picture: nothing is drawn, and nothing is read in a picture; fusion itself does both.
"""

import json
import re
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

MASK = (1 << 64) - 1
WORD = re.compile(rb"[A-Za-z_][A-Za-z0-9_]+")  # a name of two characters or more
BLANKS = re.compile(rb"[ \t\n\v\f\r]{2,}")
TOKEN = re.compile(rb"([A-Za-z_][A-Za-z0-9_]*)|([0-9][A-Za-z0-9_.]*)|(\n[ \t\n\v\f\r]*)|([\x80-\xff]+)|([^ \t\v\f\r])")
SHAPES = bytes(
    ord("x") if 97 <= c <= 122 else ord("X") if 65 <= c <= 90 else ord("0") if 48 <= c <= 57 else c for c in range(256)
)
NUMBER, LINE_END, OTHER_SCRIPT, MARK = 1, 2, 3, 1000  # tokens that are no names
PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM")


class NgramReader:
    """Texts -> the columns that text.onnx takes: numbers of hashed n-grams and their weights."""

    def __init__(self, settings: dict[str, Any], known: Sequence[str]):
        if settings["kind"] != "ngrams":
            raise SystemExit(
                f"This runner reads texts for text=nano and micro, not for tokenizer {settings['kind']!r}."
            )
        self.settings, self.known = settings, {word.encode("utf-8", "replace") for word in known}
        self.offset, self.prime = settings["hash"]["offset"], settings["hash"]["prime"]
        self.shape_of: Callable[[bytes], bytes] = cache(
            lambda word: re.sub(rb"(.)\1+", rb"\1", word.translate(SHAPES), flags=re.DOTALL)
        )
        self.hash_of: Callable[[bytes], int] = cache(self._hash)

    def __call__(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        """B texts -> input_ids, weight (B, T) and linear_ids, linear_weight (B, V), filled up with zeros."""
        data = [text.encode("utf-8", "replace")[: self.settings["max_bytes"]] for text in texts]
        ids, weight = pad([self.read(text) for text in data])
        linear_ids, linear_weight = pad([self.read_both(text) for text in data])
        return {"input_ids": ids, "weight": weight, "linear_ids": linear_ids, "linear_weight": linear_weight}

    def read(self, text: bytes) -> tuple[np.ndarray, np.ndarray]:
        """Bytes -> n-grams of bytes, names that are not known written as their shape."""
        return self.count(np.frombuffer(self.masked(text), np.uint8).astype(np.uint64), self.settings["max_ngram"])

    def read_both(self, text: bytes) -> tuple[np.ndarray, np.ndarray]:
        """Bytes -> the same with runs of white space as one blank, and n-grams of tokens after them."""
        ids, weight = self.read(BLANKS.sub(b" ", text))
        token_ids, token_weight = self.count(self.tokens(text), self.settings["max_tokens"])
        return np.concatenate([ids, token_ids + self.settings["buckets"]]), np.concatenate([weight, token_weight])

    def masked(self, text: bytes) -> bytes:
        return WORD.sub(lambda word: word[0] if word[0] in self.known else self.shape_of(word[0]), text)

    def tokens(self, text: bytes) -> np.ndarray:
        """Bytes -> one number a token (N,) uint64; white space inside a line is none."""
        found = []
        for token in TOKEN.finditer(text):
            if token.lastindex == 1:
                found.append(self._name(token[1]))
            elif token.lastindex == 5:
                found.append(MARK + token[5][0])
            else:
                found.append({2: NUMBER, 3: LINE_END, 4: OTHER_SCRIPT}[token.lastindex or 0])
        return np.array(found, np.uint64)

    def _name(self, word: bytes) -> int:
        if len(word) == 1 or word in self.known:
            return self.hash_of(word)
        return self.hash_of(self.shape_of(word)) ^ 7

    def _hash(self, word: bytes) -> int:
        value = self.offset
        for c in word:
            value = (value ^ c) * self.prime & MASK
        return value

    def count(self, units: np.ndarray, longest: int) -> tuple[np.ndarray, np.ndarray]:
        """Bytes or tokens (N,) -> the buckets of their n-grams, and log(1 + count) of each, scaled to length 1."""
        value, found = np.full(len(units), self.offset, np.uint64), [np.zeros(0, np.uint64)]
        for k in range(min(longest, len(units))):
            unit = units[k:]
            value = (value[: len(unit)] ^ (unit + (unit >> np.uint64(29)))) * np.uint64(self.prime)
            value ^= value >> np.uint64(31)
            found.append((value ^ (value >> np.uint64(32))) % np.uint64(self.settings["buckets"]))
        ids, counts = np.unique(np.concatenate(found), return_counts=True)
        weight = np.log1p(np.minimum(counts, 65535).astype(np.float32))
        return ids.astype(np.int64), weight / max(float(np.sqrt((weight * weight).sum())), 1e-9)


def pad(rows: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    most = max((len(ids) for ids, _ in rows), default=0) or 1
    out, weight = np.zeros((len(rows), most), np.int64), np.zeros((len(rows), most), np.float32)
    for row, (ids, weights) in enumerate(rows):
        out[row, : len(ids)], weight[row, : len(ids)] = ids, weights
    return out, weight


def windows(text: str, settings: dict[str, int]) -> list[str]:
    """Text -> the blocks of lines that a model is asked about, as training files were cut; at most so many, spread."""
    lines, block, found = text.split("\n"), list[str](), list[str]()
    indented, next_is_indented = False, list[bool]()
    for line in reversed(lines):
        next_is_indented.append(indented)
        indented = line[0] in " \t" if line.strip() else indented
    for line, before_indented in zip(lines, reversed(next_is_indented), strict=True):
        block.append(line)
        ends = not line.strip() and len(block) > settings["min_lines"]
        joined = not before_indented or len(block) >= settings["join_lines"]
        if len(block) >= settings["max_lines"] or (ends and joined):
            found.append("\n".join(block).strip("\n"))
            block = []
    if len(block) >= settings["min_lines"]:
        found.append("\n".join(block).strip("\n"))
    parts = [part for part in found if part.strip()] or [text.strip("\n")]
    if len(parts) <= settings["most"]:
        return parts
    return [parts[round(i)] for i in np.linspace(0, len(parts) - 1, settings["most"])]


def shares(source: int, target: int) -> np.ndarray:
    """Two lengths -> how much of each source pixel is in each of the target's (target, source), sums of 1."""
    scale = source / target
    if scale >= 1:  # areas
        edges, at = np.arange(target + 1)[:, None] * scale, np.arange(source)
        share = np.clip(np.minimum(edges[1:], at + 1) - np.maximum(edges[:-1], at), 0, None)
    else:  # linear
        centres = ((np.arange(target) + 0.5) * scale - 0.5).clip(0, source - 1)
        share = np.clip(1 - np.abs(np.arange(source) - centres[:, None]), 0, None)
    return np.asarray(share / share.sum(1, keepdims=True))


def resize(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """(H, W, 3) uint8 -> (height, width, 3) uint8."""
    rows = np.einsum("hy,ywc->hwc", shares(picture.shape[0], height), picture.astype(np.float64), optimize=True)
    return (np.einsum("wx,hxc->hwc", shares(picture.shape[1], width), rows, optimize=True) + 0.5).astype(np.uint8)


def as_seen(picture: np.ndarray, source_size: tuple[int, int], side: int) -> np.ndarray:
    """(H, W, 3) uint8 -> (side, side, 3): as wide as the source picture, cut below or filled, then resized."""
    width, height = source_size
    scaled_height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    if scaled_height > 4 * height:  # of a very long screenshot only the top is seen
        picture = picture[: max(1, 4 * height * picture.shape[1] // width)]
        scaled_height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    scaled = resize(picture, scaled_height, width)
    out = np.empty((height, width, 3), np.uint8)
    out[:] = scaled[-1, -1]
    out[: min(height, scaled_height)] = scaled[:height]
    return resize(out, side, side)


class Runner:
    """The folder of an export -> probabilities of its classes."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.content = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        self.meta, self.how = self.content["meta"], self.content["preprocessing"]
        self.classes: list[str] = self.meta["classes"]
        self.session: Callable[[str], Any] = cache(self._open)

    def of_text(self, text: str) -> np.ndarray:
        """Return the probability of each class (C,), the mean over the windows of the text."""
        how = self.how["text"]
        known = json.loads((self.folder / how["file"]).read_text(encoding="utf-8")).get("known", [])
        parts = windows(text, how["windows"])
        found = self.run("text", NgramReader(how["tokenizer"], known)(parts))
        if "logits" not in found:
            found = self.fused({f"text_{name}": column for name, column in found.items()})
        return np.asarray(self.calibrated(found["logits"], "text", parts).mean(0))

    def of_picture(self, picture: np.ndarray) -> np.ndarray:
        """Return the probability of each class (C,) of a picture (H, W, 3) uint8, as it looks."""
        if "image" not in self.how:
            raise SystemExit("This model sees no pictures, and this runner does not read them; ask fusion predict.")
        if self.meta["fusion"].get("read"):  # what the picture looks like is the least of it
            raise SystemExit("This model reads pictures, which this runner does not; ask fusion predict.")
        how = self.how["image"]
        seen = as_seen(picture, tuple(how["source_size"]), how["input_shape"])
        found = self.fused({"image_features": self.run("image", {"image": seen[None]})["features"]})
        return np.asarray(self.calibrated(found["logits"], "image", [""])[0])

    def fused(self, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return what the head says; what is not given counts as missing."""
        count = len(next(iter(given.values())))
        columns = {}
        for name, facts in self.content["graphs"]["head"]["inputs"].items():
            shape = (count, *facts["shape"][1:])
            if name.endswith("_present"):
                columns[name] = np.full(shape, f"{name.removesuffix('_present')}_features" in given)
            else:
                columns[name] = given.get(name, np.zeros(shape, np.float32))
        return self.run("head", columns)

    def run(self, name: str, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        session = self.session(name)
        wanted = [item.name for item in session.get_inputs()]
        outputs = session.run(None, {key: columns[key] for key in wanted})
        return dict(zip([item.name for item in session.get_outputs()], outputs, strict=True))

    def calibrated(self, logits: np.ndarray, modality: str, texts: Sequence[str]) -> np.ndarray:
        """Logits (N, C) of a modality and the texts they are about -> probabilities (N, C)."""
        known = self.meta.get("calibration") or {}
        view = known.get(modality if len(self.meta["branches"]) > 1 else "all", known.get("all"))
        view = view or {"temperatures": [self.meta["temperature"]], "lengths": [], "scale": [], "shift": []}
        lines = [text.strip("\n").count("\n") + 1 for text in texts]
        temperatures = np.array(view["temperatures"])[np.searchsorted(view["lengths"], lines)]
        scaled = logits.astype(np.float64) / temperatures[:, None]
        if view["scale"]:
            scaled = scaled * view["scale"] + view["shift"]
        scaled = np.exp(scaled - scaled.max(1, keepdims=True))
        return np.asarray(scaled / scaled.sum(1, keepdims=True))

    def _open(self, name: str) -> Any:
        import onnxruntime

        path = self.folder / self.content["graphs"][name]["file"]
        return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def answer(runner: Runner, path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    if data.startswith(PICTURES):
        from PIL import Image  # the one thing that pictures need more

        with Image.open(path) as file:
            probability = runner.of_picture(np.asarray(file.convert("RGB")))
    else:
        text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
        probability = runner.of_text(text)
    best = int(probability.argmax())
    return {"path": str(path), "label": runner.classes[best], "prob": round(float(probability[best]), 6)}


if __name__ == "__main__":
    model = Runner(Path(__file__).resolve().parent)
    for argument in sys.argv[1:]:
        print(json.dumps(answer(model, Path(argument))), flush=True)
