"""The machine and the code a run is made with: versions, commit, memory."""

import platform
import resource
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fusion.config.paths import CHECKOUT

PACKAGES = (
    "fusion", "torch", "torchvision", "timm", "transformers", "pytorch-lightning", "hydra-core", "pygments", "pillow",
    "numpy",
)  # fmt: skip


def installed_version(name: str) -> str | None:
    """Return the version of an installed package, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def versions() -> dict[str, str | None]:
    """Return the versions of the packages that figures depend on, and of Python."""
    return {name: installed_version(name) for name in PACKAGES} | {"python": platform.python_version()}


def git_state() -> dict[str, Any] | None:
    """Return the commit of the checkout fusion runs from, and whether files differ from it; None outside a checkout."""
    if not (CHECKOUT / ".git").exists():
        return None
    command = ["git", "-C", str(CHECKOUT), "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    try:
        lines = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return None
    commit = next((line.split()[-1] for line in lines if line.startswith("# branch.oid")), None)
    return {"commit": commit, "changed": any(not line.startswith("#") for line in lines)}


def reset_peak_memory() -> None:
    """Let the peak start anew where Linux allows it: each run of a sweep has its own, not the largest so far."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_memory_mb() -> float:
    """Return the most memory this process has held, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB on Linux, bytes on macOS
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)
