"""Options that once had another name: what they are called now, for errors and for run folders made before."""

from collections.abc import Mapping
from typing import Any

RENAMED = {
    "again": "rerun",
    "clip": "gradient_clip_val",
    "backbone.variants": "backbone.num_styles",
    "text.members": "text.num_hashes",
    "text.thinning": "text.ngram_dropout",
    "text.linear": "text.ensemble_weights",
    "text.longest": "text.max_ngram",
    "text.rung": "text.variant",
    "render.wear": "render.degradation",
    "pretraining.passage": "pretraining.text_crop",
    "pretraining.passage.ink": "pretraining.text_crop.min_characters",
    "pretraining.spare": "pretraining.exclude_eval_projects_of",
    "pretraining.check_every": "pretraining.eval_every",
    "pretraining.check_on": "pretraining.eval_samples",
    "pretraining.judge_on": "pretraining.final_eval_samples",
}
RENAMED_CHOICES = {"render=seed0": "render=heig"}


def with_new_names(options: Mapping[str, Any], within: str = "") -> dict[str, Any]:
    """Return nested options as written before, each under the name it has now."""
    found: dict[str, Any] = {}
    for name, value in options.items():
        key = f"{within}.{name}" if within else name
        name = RENAMED.get(key, key).rpartition(".")[2]
        found[name] = with_new_names(value, key) if isinstance(value, Mapping) else value
    return found
