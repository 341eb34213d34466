"""`python -m fusion.doctor`: check what this machine has, what is out of reach, and what that costs."""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

from fusion import __version__, console
from fusion.config.errors import UserError, first_line

PACKAGES = (
    "torch", "torchvision", "timm", "transformers", "tokenizers", "pytorch-lightning", "hydra-core",
    "pygments", "pillow", "numba", "numpy", "pyarrow", "scikit-learn", "safetensors",
)  # fmt: skip
DESCRIPTION = """Check what this machine has, what is out of reach, and what that costs. Each line is a name, a state
(ok; note: something is missing that runs can do without; broken: no run would work) and details. The exit code is 1
when something is broken."""


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    name: str
    state: str  # ok; note: something is missing that runs can do without; broken: no run would work
    detail: str


def findings() -> Iterator[Finding]:
    """Yield the result of each check as it is done."""
    checks: tuple[Callable[[], Finding], ...] = (_fusion, _packages, _torch, _device, _fonts, _cache, _npm, _hub)
    for check in checks:
        try:
            yield check()
        except Exception as error:  # a check that fails is a finding, not a crash
            yield Finding(check.__name__.lstrip("_"), "broken", f"{type(error).__name__}: {first_line(error)}")


def _fusion() -> Finding:
    return Finding(
        "fusion", "ok", f"{__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    )


def _packages() -> Finding:
    from importlib.metadata import PackageNotFoundError, version

    installed, missing = [], []
    for name in PACKAGES:
        try:
            installed.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding(
            "packages", "broken", f"not installed: {', '.join(missing)}; run pip install -c constraints.txt ."
        )
    return Finding("packages", "ok", ", ".join(installed))


def _torch() -> Finding:
    """Check that torchvision fits torch: one built for another torch fails to import or lacks compiled operators."""
    import torch

    try:
        import torchvision

        torchvision.ops.nms(torch.zeros(1, 4), torch.ones(1), 0.5)
    except (RuntimeError, ImportError, AttributeError) as error:
        pair = f"torch {torch.__version__} and its torchvision do not fit each other ({first_line(error)})"
        return Finding("torch", "broken", f"{pair}; install both from the same place, with -c constraints.txt.")
    return Finding("torch", "ok", f"torch {torch.__version__} and torchvision {torchvision.__version__} fit each other")


def _device() -> Finding:
    import torch

    if torch.cuda.is_available():
        return Finding("device", "ok", f"{torch.cuda.get_device_name(0)}, and {os.cpu_count()} CPU cores")
    return Finding("device", "ok", f"CPU, {os.cpu_count()} cores, {torch.get_num_threads()} threads; no GPU")


def _fonts() -> Finding:
    from fusion.config.render import DEFAULT_FONT
    from fusion.screenshots import fonts

    others = [name for name in fonts.names() if name != DEFAULT_FONT]
    fonts.load(DEFAULT_FONT)
    return Finding("fonts", "ok", f"{DEFAULT_FONT} is here; fetched when asked for: {', '.join(others) or 'none'}")


def _cache() -> Finding:
    from fusion.config.paths import cache_dir, usable

    try:
        cache = usable(cache_dir())
    except UserError as error:
        return Finding("cache", "broken", str(error))
    size = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
    free = shutil.disk_usage(cache).free
    return Finding("cache", "ok", f"{cache}, {size / 1e6:.0f} MB used, {free / 1e9:.0f} GB free")


def _npm() -> Finding:
    npm = shutil.which("npm")
    if npm is None:
        return Finding("npm", "note", f"not installed: {_npm_costs()}")
    process = subprocess.run([npm, "--version"], capture_output=True, text=True, timeout=30, check=True)
    return Finding("npm", "ok", process.stdout.strip())


def _npm_costs() -> str:
    """Return a sentence that names the languages of the small corpus that lose projects without npm."""
    from fusion.packages.manifest import read_manifest

    lost = sorted({name for p in read_manifest("small") if p.registry == "npm" for name in p.languages})
    return f"its packages are left out, which costs projects of {', '.join(lost)}"


def _hub() -> Finding:
    from fusion.branches.weights import hub_reachable

    if hub_reachable(fresh=True):
        return Finding("hub", "ok", "reachable: published weights can be fetched")
    return Finding(
        "hub", "note", "not reachable: codeberta falls back to nano, backbones without local weights start random"
    )


def parser() -> argparse.ArgumentParser:
    """Return the options of the command."""
    options = argparse.ArgumentParser("fusion doctor", description=DESCRIPTION)
    options.add_argument("--json", action="store_true", help="print the results as JSON: name, state, detail")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Print the results on stdout; return 1 when something is broken."""
    args = parser().parse_args(argv)
    console.set_up_logging()
    results: list[Finding] = []
    for finding in findings():
        results.append(finding)
        if not args.json:
            print(f"{finding.name:10} {finding.state:7} {console.printable(finding.detail)}", flush=True)
    if args.json:
        print(json.dumps([asdict(finding) for finding in results], indent=1))
    return 1 if any(finding.state == "broken" for finding in results) else 0


if __name__ == "__main__":
    sys.exit(console.run(main))
