"""Programs and connections that fetch archives: their limits, what their complaints mean, and how they end."""

import atexit
import os
import re
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from fusion.packages.errors import PackageError, Unreachable

MAX_ARCHIVE = 64 << 20  # bytes
TIMEOUT = 180  # seconds a client has for one archive, which may come over a slow line
CONNECT = 10  # seconds until a registry, or the proxy before it, must be reached
SILENT = 60  # seconds without a byte from a registry that was reached
NO_WAY = re.compile(  # what clients say when no connection came about
    "ECONNREFUSED|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|ENOTCACHED"
    "|[Cc]ould not connect|Unable to connect|Could not resolve|Temporary failure resolving"
)

_running: set[subprocess.Popen[str]] = set()  # clients of this process


def run(command: list[str], folder: Path | None, seconds: float = TIMEOUT) -> str:
    """Return a client's stdout. Raises PackageError with the line it complained with, Unreachable if it was killed."""
    client = f"{Path(command[0]).name} {next(word for word in command[1:] if not word.startswith('-'))}"
    try:
        code, stdout, stderr = run_to_end(command, folder, seconds)
    except (subprocess.SubprocessError, OSError) as error:
        raise PackageError(f"{client}: {type(error).__name__}") from error
    if code:
        kind = Unreachable if code < 0 or NO_WAY.search(stderr) else PackageError
        raise kind(f"{client} failed ({complaint(stderr)})")
    return stdout


def complaint(stderr: str) -> str:
    """Return the line of a client's stderr that says what is wrong: npm's code, apt's first error or warning."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if " code " in line or line.startswith("E:")]
    warnings = [line for line in lines if line.startswith("W:")]
    return (errors or warnings or lines[-1:] or [""])[0]


def run_to_end(command: list[str], folder: Path | None, seconds: float) -> tuple[int, str, str]:
    """Return a client's exit code, stdout and stderr. Neither it nor its children outlive this call."""
    pipe = subprocess.PIPE
    client = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True, process_group=0
    )
    _running.add(client)
    try:
        stdout, stderr = client.communicate(timeout=seconds)
        return client.returncode, stdout, stderr
    finally:
        _kill(client)
        _running.discard(client)


def _kill(client: subprocess.Popen[str]) -> None:
    if client.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(client.pid, signal.SIGKILL)
        client.wait()


@atexit.register
def end_clients() -> None:
    """Kill the clients that still run: whoever waited for them has stopped."""
    for client in list(_running):
        _kill(client)


def connection_error(error: Exception, doing: str) -> PackageError:
    """Return what an error of requests means: Unreachable if no connection came about; a broken one may be retried."""
    from requests.adapters import MaxRetryError  # urllib3's, raised where no connection came about

    kind = Unreachable if error.args and isinstance(error.args[0], MaxRetryError) else PackageError
    return kind(f"{type(error).__name__} while {doing}")
