"""`python -m fusion.doctor`: what this machine has, what is out of reach, and what that costs."""

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

PACKAGES = (
    "torch", "torchvision", "timm", "transformers", "tokenizers", "pytorch-lightning", "hydra-core",
    "pygments", "pillow", "numba", "numpy", "pyarrow", "scikit-learn", "safetensors",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One line of the report; `broken` is what no run would survive."""

    what: str
    state: str  # ok, note or broken
    says: str


def findings() -> Iterator[Finding]:
    """The checks one by one, as each is done."""
    checks: tuple[Callable[[], Finding], ...] = (_fusion, _packages, _torch, _device, _fonts, _cache, _npm, _hub)
    for check in checks:
        try:
            yield check()
        except Exception as error:  # a check that fails is a finding, not a crash
            reason = (str(error).splitlines() or [""])[0]
            yield Finding(check.__name__.lstrip("_"), "broken", f"{type(error).__name__}: {reason}")


def _fusion() -> Finding:
    return Finding(
        "fusion", "ok", f"{__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    )


def _packages() -> Finding:
    from importlib.metadata import PackageNotFoundError, version

    found, missing = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding(
            "packages", "broken", f"not installed: {', '.join(missing)}; run pip install -c constraints.txt ."
        )
    return Finding("packages", "ok", ", ".join(found))


def _torch() -> Finding:
    """A torchvision built for another torch imports with an error, or lacks its compiled operators."""
    import torch

    try:
        import torchvision

        torchvision.ops.nms(torch.zeros(1, 4), torch.ones(1), 0.5)
    except (RuntimeError, ImportError, AttributeError) as error:
        first = str(error).splitlines()[0]
        pair = f"torch {torch.__version__} and its torchvision do not fit each other ({first})"
        return Finding("torch", "broken", f"{pair}; install both from the same place, with -c constraints.txt.")
    return Finding("torch", "ok", f"torch {torch.__version__} and torchvision {torchvision.__version__} fit each other")


def _device() -> Finding:
    import torch

    if torch.cuda.is_available():
        return Finding("device", "ok", f"{torch.cuda.get_device_name(0)}, and {os.cpu_count()} CPU cores")
    return Finding("device", "ok", f"CPU, {os.cpu_count()} cores, {torch.get_num_threads()} threads; no GPU")


def _fonts() -> Finding:
    from fusion.screenshots import fonts

    others = [name for name in fonts.names() if name != fonts.ALWAYS]
    fonts.load(fonts.ALWAYS)
    return Finding("fonts", "ok", f"{fonts.ALWAYS} is here; fetched when asked for: {', '.join(others) or 'none'}")


def _cache() -> Finding:
    from fusion.config.paths import cache_dir

    cache = cache_dir()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        probe = cache / f".doctor-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        return Finding(
            "cache", "broken", f"{cache} cannot be written ({error.strerror}); set FUSION_CACHE to another folder"
        )
    size = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
    free = shutil.disk_usage(cache).free
    return Finding("cache", "ok", f"{cache}, {size / 1e6:.0f} MB held, {free / 1e9:.0f} GB free")


def _npm() -> Finding:
    npm = shutil.which("npm")
    if npm is None:
        return Finding("npm", "note", f"not installed: {_npm_costs()}")
    found = subprocess.run([npm, "--version"], capture_output=True, text=True, timeout=30, check=True)
    return Finding("npm", "ok", found.stdout.strip())


def _npm_costs() -> str:
    """Which languages of the small corpus lose projects without npm."""
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
    made = argparse.ArgumentParser(
        "fusion doctor", description="Prints what this machine has, what is out of reach, and what that costs."
    )
    made.add_argument("--json", action="store_true", help="print the findings as JSON")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """The findings on stdout; 1 when something is broken."""
    asked = parser().parse_args(argv)
    console.set_up_logging()
    found: list[Finding] = []
    for finding in findings():
        found.append(finding)
        if not asked.json:
            print(f"{finding.what:10} {finding.state:7} {finding.says}", flush=True)
    if asked.json:
        print(json.dumps([asdict(finding) for finding in found], indent=1))
    return 1 if any(finding.state == "broken" for finding in found) else 0


if __name__ == "__main__":
    sys.exit(console.run(main))
