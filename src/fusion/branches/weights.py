"""The weights that a branch starts from, and whether the hub can be reached for them.

    random      fresh weights
    code        weights of fusion's own, trained on drawn pictures of code and shipped with it (timm)
    pretrained  published weights, from the local cache or the hub; an error if they cannot be had
    auto        the same, but with a warning and a fallback where they cannot be had
    PATH        a .safetensors or .pth file (timm), or a folder (transformers)

The row of a run says random, code, hub or file; weights_from in its run.json has the weights_id: timm's name of
published weights, the sha256 of a file.
"""

import hashlib
import json
import logging
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from fusion.config.branches import Backbone, HuggingFace, TextOptions
from fusion.config.errors import UserError
from fusion.files import sha256_of
from fusion.packages import unreachable
from fusion.weights import shipped_weights

log = logging.getLogger(__name__)

PROBE_SECONDS = 3.0  # total, so that a proxy that never answers costs no more


class WeightsUnavailable(UserError):
    """Published weights were asked for and cannot be had."""


@dataclass(frozen=True)
class WeightSource:
    """The place that the weights of a branch come from."""

    kind: str  # random, code, hub or file
    path: Path | None = None  # the file or folder to load; None for random
    weights_id: str | None = None  # name of published weights, sha256 of a file; None for random


def check(branch: Backbone | TextOptions) -> None:
    """Raise UserError for `weights` of a branch that are neither a word known here nor a file."""
    if not isinstance(branch, (Backbone, HuggingFace)):
        return
    if branch.weights == "code":
        shipped_weights(branch.model or branch.name)
    else:
        _local(branch.weights)


def find_image_weights(model: str, weights: str) -> WeightSource:
    """backbone.model and backbone.weights -> WeightSource; `auto` falls back to random with a warning."""
    if weights == "code":
        path, facts = shipped_weights(model)
        return WeightSource("code", path, facts["sha256"])
    if (local := _local(weights)) is not None:
        return local
    try:
        repository, name = published(model)
        return WeightSource("hub", _download(repository, ["model.safetensors"]) / "model.safetensors", name)
    except WeightsUnavailable as error:
        if weights == "pretrained":
            raise
        log.warning(
            "Image branch: %s It starts from random weights, and its row says so; backbone.weights=FILE starts it "
            "from a file.",
            error,
        )
        return WeightSource("random")


def published(model: str) -> tuple[str, str]:
    """timm's name of a backbone -> the repository of its published weights, and timm's name of them.

    Raises WeightsUnavailable where there are none.
    """
    import timm

    cfg = timm.get_pretrained_cfg(model) if timm.is_model(model) else None
    if cfg is None or not cfg.hf_hub_id:
        raise WeightsUnavailable(f"The hub has no weights for {model}; pass backbone.weights=random or a file.")
    return cfg.hf_hub_id, f"{cfg.architecture}.{cfg.tag}"


def find_text_weights(model: str, weights: str) -> WeightSource:
    """text.model (a name on the hub, or a folder) and text.weights -> WeightSource.

    Raises WeightsUnavailable for `auto` and `pretrained` when they cannot be had.
    """
    if (local := _local(weights)) is not None:
        return local
    if Path(model).expanduser().is_dir():
        return _file(Path(model).expanduser())
    return WeightSource("hub", _download(model, ["*.json", "*.txt", "*.safetensors", "pytorch_model.bin"]), model)


def _local(weights: str) -> WeightSource | None:
    """Return the source of random and PATH, which need no hub; None for auto and pretrained."""
    if weights == "random":
        return WeightSource("random")
    if weights in ("auto", "pretrained"):
        return None
    path = Path(weights).expanduser()
    if not path.exists():
        raise UserError(f"weights={weights} is neither auto, pretrained, random, code nor an existing file or folder.")
    return _file(path)


def _file(path: Path) -> WeightSource:
    """A file or a folder -> its WeightSource, with the sha256 of the file, or of the names and sums in the folder."""
    try:
        if path.is_file():
            return WeightSource("file", path, sha256_of(path))
        sums = [(file.name, sha256_of(file)) for file in sorted(path.iterdir()) if file.is_file()]
    except OSError as error:
        raise UserError(f"The weights in {path} cannot be read ({error.strerror}).") from error
    return WeightSource("file", path, hashlib.sha256(json.dumps(sums).encode()).hexdigest())


def _download(repository: str, files: list[str]) -> Path:
    """Return the folder of the repository's files in the hub's cache; only what is missing is fetched."""
    from huggingface_hub import snapshot_download

    if (folder := _cached(repository)) is not None:
        return folder
    if not hub_reachable():
        raise WeightsUnavailable(
            f"The weights of {repository} are not on this machine and no model hub can be reached."
        )
    try:
        return Path(snapshot_download(repository, allow_patterns=files, etag_timeout=PROBE_SECONDS))
    except (OSError, ValueError) as error:  # huggingface_hub's errors are of these kinds
        raise WeightsUnavailable(
            f"The weights of {repository} cannot be downloaded ({type(error).__name__})."
        ) from error


def _cached(repository: str) -> Path | None:
    """Return the repository's folder in the hub's cache; None where it has no weights."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(repository, local_files_only=True))
    except (LocalEntryNotFoundError, OSError, ValueError):
        return None
    complete = any(folder.glob("*.safetensors")) or any(folder.glob("pytorch_model.bin"))
    return folder if complete else None  # a download that was cut off has the small files only


def can_be_had(repository: str) -> bool:
    """Return whether published weights, or a folder, are on this machine or the hub answers; nothing is fetched."""
    return Path(repository).expanduser().is_dir() or _cached(repository) is not None or hub_reachable()


def hub_reachable(fresh: bool = False) -> bool:
    """Send one quick request to the hub; a failure is remembered, so that a sweep asks once.

    HF_HUB_OFFLINE=1 says no without asking; fresh=True asks whatever is remembered.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE or (not fresh and unreachable.is_unreachable(constants.ENDPOINT)):
        return False
    reachable = _answers(constants.ENDPOINT)
    (unreachable.forget if reachable else unreachable.remember)(constants.ENDPOINT)
    return reachable


def _answers(endpoint: str) -> bool:
    """Return whether anything answers within PROBE_SECONDS in all."""
    # Only a thread bounds the whole: the timeouts of urllib, requests and httpx are of each read of a socket, so that a
    # proxy may drip, and of no name look-up. It is a daemon, so that it never delays the exit.
    answered = threading.Event()

    def ask() -> None:
        try:
            request = urllib.request.Request(endpoint, method="HEAD")
            urllib.request.urlopen(request, timeout=PROBE_SECONDS).close()
            answered.set()
        except urllib.error.HTTPError as error:
            if error.code < 400:
                answered.set()
        except (OSError, ValueError, HTTPException):  # none there, no address, or no HTTP
            pass

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return answered.is_set()
