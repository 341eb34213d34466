"""`python -m fusion.export`: a trained run -> a folder that answers without torch, by onnxruntime."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fusion import console
from fusion.config.errors import UserError

SAMPLES = 500  # texts that the export is checked with
EXAMPLES = """examples:
  python -m fusion.export --onnx exported                      the model that fusion ships
  python -m fusion.export --run runs/train/20260101-120000-abcdef --onnx exported
  python -m fusion.export --run RUN --onnx exported --int8     smaller; says what it costs
  python -m fusion.predict --run exported src/main.c           answers without torch
  python exported/runner.py src/main.c                         a reference in one file, numpy and onnxruntime alone

exit codes: 0 the folder is written and answers as the run does, 1 it could not be
"""


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(
        "fusion export", description="Write a trained model as ONNX, which needs no torch to answer.", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    run = "the folder of a completed run (default: the model that fusion ships)"
    arguments.add_argument("--run", type=Path, metavar="RUN_DIR", help=run)
    arguments.add_argument(
        "--onnx", type=Path, required=True, metavar="DIR", help="the folder to write; an export in it is replaced"
    )
    arguments.add_argument(
        "--int8",
        action="store_true",
        help="tables, layers and convolutions in 8 bits: smaller, and a little less right",
    )
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Write the export, print its folder, and say on standard error how it was checked."""
    args = parser().parse_args(argv)
    check_packages()
    console.set_up_logging()
    from fusion.exports.samples import samples_of
    from fusion.exports.write import check_place, export
    from fusion.model import checkpoint
    from fusion.weights import shipped_model

    check_place(args.onnx)
    run = args.run or shipped_model()
    model = checkpoint.load(run if (run / "meta.json").is_file() else run / "model")
    content = export(model, args.onnx, samples_of(run, SAMPLES), args.int8)
    print(in_words(content), file=sys.stderr, flush=True)
    print(args.onnx)
    return 0


def check_packages() -> None:
    """Raise UserError where a package that writes or runs ONNX is not installed."""
    from importlib.util import find_spec

    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise UserError(f"fusion export needs {', '.join(missing)}; run pip install 'fusion[export]'.")


def in_words(content: dict[str, Any]) -> str:
    """Return what the check found, and how large the graphs are."""
    check, graphs = content["check"], content["graphs"]
    sizes = ", ".join(f"{entry['file']} {entry['bytes'] / 1e6:.1f} MB" for entry in graphs.values())
    words = (
        f"{sizes}\n{check['samples']} texts of {check['texts']}: the same answers as torch, "
        f"probabilities differ by {check['max_difference']:.1g} at most"
    )
    if eight := check.get("int8"):
        words += f"\n8 bits: {eight['agree']:.1%} of the answers are the same"
        if "accuracy_onnx" in eight:
            words += f", accuracy {eight['accuracy_torch']:.3f} -> {eight['accuracy_onnx']:.3f}"
    return words


if __name__ == "__main__":
    sys.exit(console.run(main))
