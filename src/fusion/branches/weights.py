"""What weights a branch starts from: auto, pretrained, random or a file; and whether a hub can be had.

    random      fresh weights
    code        weights of fusion's own, learnt from drawn pictures of code and shipped with it (timm)
    pretrained  published weights, from the local cache or the hub; an error if they cannot be had
    auto        the same, but falling back, loudly, when they cannot be had
    PATH        a .safetensors or .pth file (timm), or a folder (transformers)

The row of a run names which it was: random, code, hub or file; its run.json, under weights_from, which of them: what
timm calls the published ones, the sha256 of a file.
"""

import hashlib
import json
import logging
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusion.config.branches import Backbone, HuggingFace, TextOptions
from fusion.config.errors import UserError
from fusion.config.paths import PACKAGE, cache_dir
from fusion.files import sha256_of, write_text

log = logging.getLogger(__name__)

CODE = PACKAGE / "weights"  # what backbone.weights=code loads, with cards
PROBE_SECONDS = 3.0  # total, so that a proxy that never answers costs no more
REMEMBER_SECONDS = 6 * 3600  # an unreachable hub is not asked again before that


class WeightsUnavailable(UserError):
    """Published weights were asked for and cannot be had."""


@dataclass(frozen=True)
class WeightSource:
    """Where the weights of a branch come from."""

    kind: str  # random, code, hub or file
    path: Path | None = None  # the file or folder to load; None for random
    weights_id: str | None = None  # name of published weights, sha256 of a file; None for random


def check(branch: Backbone | TextOptions) -> None:
    """Raise UserError for `weights` of a branch that are neither a word known here nor a file."""
    if not isinstance(branch, (Backbone, HuggingFace)):
        return
    if branch.weights == "code":
        code_weights(branch.model or branch.name)
    else:
        _local(branch.weights)


def find_image_weights(model: str, wanted: str) -> WeightSource:
    """backbone.model and backbone.weights -> WeightSource; `auto` ends at random and says so."""
    if wanted == "code":
        path, facts = code_weights(model)
        return WeightSource("code", path, facts["sha256"])
    if (local := _local(wanted)) is not None:
        return local
    try:
        repository, name = published(model)
        return WeightSource("hub", _download(repository, ["model.safetensors"]) / "model.safetensors", name)
    except WeightsUnavailable as error:
        if wanted == "pretrained":
            raise
        log.warning(
            "Image branch: %s It starts from random weights, and its row says so; backbone.weights=FILE starts it "
            "from a file.",
            error,
        )
        return WeightSource("random")


def published(model: str) -> tuple[str, str]:
    """timm's name of a backbone -> the repository of its published weights, and what timm calls these.

    Raises WeightsUnavailable where there are none.
    """
    import timm

    known = timm.get_pretrained_cfg(model) if timm.is_model(model) else None
    if known is None or not known.hf_hub_id:
        raise WeightsUnavailable(f"The hub has no weights for {model}; pass backbone.weights=random or a file.")
    return known.hf_hub_id, f"{known.architecture}.{known.tag}"


def code_weights(model: str) -> tuple[Path, dict[str, Any]]:
    """timm's name of a backbone -> its shipped file, and what is known of it: model, sha256, split_hash, projects.

    Raises UserError where none is shipped, or the file is not the one that was.
    """
    known = {}
    for path in sorted(CODE.glob("*_code.json")):
        facts = json.loads(path.read_text(encoding="utf-8"))
        known[facts["model"]] = (path.with_suffix(".safetensors"), facts)
    if model not in known:
        held = " and ".join(known) or "no backbone"
        raise UserError(f"weights=code holds weights of {held}, not of {model}; pass weights=auto, random or a file.")
    path, facts = known[model]
    if not path.is_file() or sha256_of(path) != facts["sha256"]:
        raise UserError(f"{path} is damaged: its sha256 is not the one in {path.stem}.json; install fusion again.")
    return path, facts


def find_text_weights(model: str, wanted: str) -> WeightSource:
    """text.model (a name on the hub, or a folder) and text.weights -> WeightSource.

    Raises WeightsUnavailable for `auto` and `pretrained` when they cannot be had.
    """
    if (local := _local(wanted)) is not None:
        return local
    if Path(model).expanduser().is_dir():
        return _file(Path(model).expanduser())
    return WeightSource("hub", _download(model, ["*.json", "*.txt", "*.safetensors", "pytorch_model.bin"]), model)


def _local(wanted: str) -> WeightSource | None:
    """random and PATH need no hub; None for auto and pretrained."""
    if wanted == "random":
        return WeightSource("random")
    if wanted in ("auto", "pretrained"):
        return None
    path = Path(str(wanted)).expanduser()
    if not path.exists():
        raise UserError(f"weights={wanted} is neither auto, pretrained, random, code nor an existing file or folder.")
    return _file(path)


def _file(path: Path) -> WeightSource:
    """A file, or a folder of them -> its WeightSource, with the sha256 of what it holds."""
    try:
        if path.is_file():
            return WeightSource("file", path, sha256_of(path))
        held = [(file.name, sha256_of(file)) for file in sorted(path.iterdir()) if file.is_file()]
    except OSError as error:
        raise UserError(f"The weights in {path} cannot be read ({error.strerror}).") from error
    return WeightSource("file", path, hashlib.sha256(json.dumps(held).encode()).hexdigest())


def _download(repository: str, files: list[str]) -> Path:
    """The repository's files -> their folder in the hub's cache; the network is asked only for what is missing."""
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
    """The repository's folder in the hub's cache; None where that has no weights of it."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(repository, local_files_only=True))
    except (LocalEntryNotFoundError, OSError, ValueError):
        return None
    whole = any(folder.glob("*.safetensors")) or any(folder.glob("pytorch_model.bin"))
    return folder if whole else None  # a download that was cut off has the small files only


def can_be_had(repository: str) -> bool:
    """Whether published weights, or a folder of them, are on this machine or a hub answers; nothing is fetched."""
    return Path(repository).expanduser().is_dir() or _cached(repository) is not None or hub_reachable()


def hub_reachable(fresh: bool = False) -> bool:
    """One quick request to the hub; a failure is remembered, so that a sweep asks once.

    HF_HUB_OFFLINE=1 says no without asking; fresh=True forgets what is remembered.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    memory = cache_dir() / "hub.json"
    if not fresh and _known_unreachable(memory, constants.ENDPOINT):
        return False
    reachable = _answers(constants.ENDPOINT)
    if reachable:
        memory.unlink(missing_ok=True)
    else:
        _remember(memory, constants.ENDPOINT)
    return reachable


def _known_unreachable(memory: Path, endpoint: str) -> bool:
    try:
        known = json.loads(memory.read_text())
        return known["endpoint"] == endpoint and 0 <= time.time() - known["asked"] < REMEMBER_SECONDS
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _remember(memory: Path, endpoint: str) -> None:
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_text(memory, json.dumps({"endpoint": endpoint, "asked": time.time()}))
    except OSError as error:  # a cache that cannot be written only costs the next run its 3 seconds
        log.debug("hub probe not remembered: %s", error)


def _answers(endpoint: str) -> bool:
    """True if anything answers within PROBE_SECONDS in all, slow name look-ups and proxies included."""
    heard = threading.Event()

    def ask() -> None:
        try:
            request = urllib.request.Request(endpoint, method="HEAD")
            urllib.request.urlopen(request, timeout=PROBE_SECONDS).close()
            heard.set()
        except urllib.error.HTTPError as error:
            if error.code < 400:
                heard.set()
        except (OSError, ValueError):
            pass

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    deadline = time.monotonic() + PROBE_SECONDS
    while asking.is_alive() and time.monotonic() < deadline and not heard.is_set():
        asking.join(0.05)
    return heard.is_set()
