"""Pictures of scripts/browser_pictures.py -> how often a model tells their language, from the screenshot alone.

python scripts/picture_accuracy.py DIR                         # the model that fusion ships
python scripts/picture_accuracy.py DIR --run RUN --labels 34   # a run; allowed are the 34 languages of sweep=sources

Each answer is the best guess among all labels, or among the 34. In brackets 95 % intervals over projects; the last line
is a paired difference.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from fusion import console, load
from fusion.config.paths import CONF_DIR
from fusion.results.statistics import project_interval


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, help="a folder of scripts/browser_pictures.py")
    parser.add_argument("--run", type=Path, help="a run folder (default: the model that fusion ships)")
    parser.add_argument("--labels", choices=["all", "34"], default="all")
    parser.add_argument("--json", action="store_true", help="for programs")
    args = parser.parse_args()
    console.set_up_logging()
    model, truth = load(args.run), json.loads((args.pictures / "truth.json").read_text(encoding="utf-8"))["pictures"]
    labels = tuple(label for label in _of_sources() if label in model.classes) if args.labels == "34" else ()
    rows = [row for row in truth if row["label"] in (labels or model.classes)]
    found = {
        name: np.zeros(len(rows)) for name in ("from the picture", "what was read", "how it looks", "from its text")
    }
    for i, row in enumerate(console.progress(rows, "answering", len(rows))):
        seen = model.predict(image=args.pictures / row["file"], mode="best_guess", labels=labels)
        told = model.predict(row["text"], mode="best_guess", labels=labels)
        alone = {name: said["label"] for name, said in seen.by_modality.items()}
        answers = (seen.label, alone.get("read"), alone.get("image"), told.label)
        for name, answer in zip(found, answers, strict=True):
            found[name][i] = answer == row["label"]
    groups = np.array([row["group"] for row in rows])
    accuracy = {name: [float(right.mean()), *project_interval(right, groups)] for name, right in found.items()}
    gain = found["from the picture"] - found["what was read"]
    accuracy["more than what was read"] = [float(gain.mean()), *project_interval(gain, groups)]  # paired
    if args.json:
        print(json.dumps({"pictures": len(rows), "labels": len(labels or model.classes), "accuracy": accuracy}))
        return 0
    print(f"{len(rows)} pictures of {len(set(groups))} projects, {len(labels or model.classes)} labels to choose from")
    for name, (mean, low, high) in accuracy.items():
        print(f"| {name} | {mean:.3f} [{low:.3f}, {high:.3f}] |")
    return 0


def _of_sources() -> tuple[str, ...]:
    """Return the languages of sweep=sources."""
    from omegaconf import OmegaConf

    found: tuple[str, ...] = tuple(OmegaConf.load(CONF_DIR / "sweep" / "sources.yaml").data.languages)
    return found


if __name__ == "__main__":
    sys.exit(console.run(main))
