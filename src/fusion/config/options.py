"""Which values every option of a run may have, as far as they can be judged without its data and its network."""

import sys
from typing import Any

from fusion.branches import image, weights
from fusion.config import values
from fusion.config.values import BELOW_ONE, SHARE, Rule, Rules, file_of, number, one_of, whole
from fusion.results.tables import TABLES
from fusion.screenshots.renderer import parse_size
from fusion.training import augment, losses, schedules
from fusion.training import freezing as transfer
from fusion.training import task as learner

# Lightning's words
PRECISIONS = ("32-true", "16-mixed", "bf16-mixed", "64-true", "16-true", "bf16-true", "bf16", "32", "16", "64")
WORD = Rule(lambda value: isinstance(value, str) and bool(value), "a word, such as train")
WIDTHS = Rule(
    lambda value: isinstance(value, list) and all(type(width) is int and width >= 1 for width in value),
    "a list of whole numbers of at least 1, such as [1024,512], or [] for none",
)
OWN_RATE = number(lambda x: x > 0, "above 0, or null for that of the run", None)
DECAY = number(lambda x: 0 < x <= 1, "above 0 and at most 1, such as 0.9")

FUSION: Rules = {"hidden": WIDTHS, "dropout": BELOW_ONE, "modality_dropout": SHARE}
BACKBONE: Rules = {
    "name": file_of("backbone"),
    "lr": OWN_RATE,
    "lr_decay": DECAY,
    "variants": whole(1, None),
    **image.RULES,
}
TEXT: Rules = {
    "name": file_of("text"),
    "lr": OWN_RATE,
    "lr_decay": DECAY,
    **dict.fromkeys(("max_tokens", "vocabulary", "dim", "blocks", "heads"), whole(1)),
    **dict.fromkeys(("members", "buckets", "min_groups", "features", "longest"), whole(1)),
    **dict.fromkeys(("dropout", "thinning"), BELOW_ONE),
    "linear": whole(0),
    "fallback": file_of("text", None),
}
RULES: Rules = {
    "name": WORD,
    "runs": WORD,
    "table": one_of(*TABLES),
    "input_shape": whole(8),
    "lr": number(lambda x: x > 0, "above 0, such as 0.001, or search", "search"),
    "epochs": whole(1),
    "batch_size": whole(1),
    "seed": whole(0, most=2**32 - 1),
    "again": one_of(True, False, "auto"),
    "dry_run": one_of(True, False, 1, 0),
    "patience": whole(0, None),
    "clip": number(lambda x: x > 0, "above 0, such as 1.0, or null", None),
    "folds": whole(2, None),
    "num_workers": whole(0),
    "device": one_of("auto", "cpu", "cuda"),
    "precision": one_of("auto", *PRECISIONS, 32, 16, 64),
    "fusion": FUSION,
    "backbone": BACKBONE,
    "text": TEXT,
}


def check(config: dict[str, Any]) -> None:
    """Raises UserError for the first value that its option cannot have."""
    values.check(config, RULES)
    schedules.check(config["schedule"])
    losses.check(config["loss"])
    learner.check(config["optimizer"])
    augment.check(config["augment"])
    for part in ("backbone", "text"):
        option = config[part]
        # how many layers there are is not known yet: that `all but 99` are too many is found with the network
        transfer.plan(option.get("freeze"), option.get("batchnorm", "adapt"), sys.maxsize, part)
        weights.check(option)
    if config["backbone"]["name"] != "none":
        parse_size(config["source_size"])
