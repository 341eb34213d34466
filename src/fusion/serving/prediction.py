"""The answer about one input: one schema for the command line, Python and whatever serves it."""

from dataclasses import asdict, dataclass, field
from typing import Any

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What an input is; `label` is unknown exactly when the decision is abstained, null when it was not read.

    input: kind (text or picture), modalities, image_source (rendered, given, missing), text_source (given, ocr,
    missing), bytes, lines, encoding, truncated; of a picture also width, height, text (what was read, or given with it)
    and reading (how well: see Transcript.facts; and the reason why it is not taken for code).
    by_modality: what each modality says alone: label, score, and source, as above.
    set: level and labels: with the probability `level` the label is one of these; only where it was asked for.
    """

    path: str  # - for standard input; empty for what was given in Python
    status: str  # ok, empty, no_code, binary, too_large, unreadable, not_found, error
    label: str | None
    decision: str  # accepted or abstained
    # none, low_confidence, too_short, not_code, modalities_disagree, not_in_allowed_labels, no_number, or the status
    reason: str
    score: float | None = None  # calibrated probability of the best allowed label
    threshold: float  # what the score of that label must reach; without a score the least that any label must
    mode: str
    raw: dict[str, Any] | None = None  # label and score, whatever the threshold and the allowed labels
    top_k: list[dict[str, Any]] = field(default_factory=list)
    by_modality: dict[str, dict[str, Any]] = field(default_factory=dict)
    set: dict[str, Any] | None = None
    input: dict[str, Any]
    model: dict[str, Any]
    error: str | None = None
    schema: int = SCHEMA

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as JSON has them; without `set` where none was asked for."""
        content = {"schema": self.schema} | asdict(self)
        return content if self.set is not None else {name: value for name, value in content.items() if name != "set"}
