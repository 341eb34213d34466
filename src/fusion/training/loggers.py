"""logger=tensorboard, mlflow or wandb: Lightning's own loggers, which see a run beside its metrics.csv.

Lightning ends a logger when fitting ends, and again after each prediction. A run goes on to be evaluated, so these
stay open until `close` says how it ended.
"""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from pytorch_lightning.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from fusion.config.errors import UserError, first_line
from fusion.config.schema import Config
from fusion.config.training import MLflow, WandB
from fusion.console import Stopped
from fusion.results.record import Record

log = logging.getLogger(__name__)

# Both phone home by default, MLflow with how it is used and wandb with its errors; who wants that sets these.
PRIVATE = {"MLFLOW_DISABLE_TELEMETRY": "true", "WANDB_ERROR_REPORTING": "false"}
QUIET = {"MLFLOW_LOGGING_LEVEL": "ERROR", "WANDB_SILENT": "true"}
SQLITE = "sqlite:///"

Facts = dict[str, Any]


class TensorBoardRun(TensorBoardLogger):
    """A run as TensorBoard shows it; its hyperparameters come at the end, beside what they reached."""

    def finalize(self, status: str) -> None:
        """Stay open."""

    def close(self, status: str, facts: Facts, metrics: dict[str, float]) -> None:
        """Log how the run ended, as a text and as the number `completed`."""
        self.experiment.add_text("status", status)
        self.log_hyperparams(facts, metrics | {"completed": float(status == "completed")})
        super().finalize("success")


class MLflowRun(MLFlowLogger):
    """A run of MLflow."""

    def finalize(self, status: str = "success") -> None:
        """Stay open."""

    def close(self, status: str, facts: Facts, metrics: dict[str, float]) -> None:
        """End the run as FINISHED, FAILED or KILLED."""
        self.log_hyperparams(facts)
        self.log_metrics(metrics)
        words = {"completed": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
        self.experiment.set_terminated(self.run_id, words[status])


class WandbRun(WandbLogger):
    """A run of Weights & Biases."""

    def finalize(self, status: str) -> None:
        """Stay open."""

    def close(self, status: str, facts: Facts, metrics: dict[str, float]) -> None:
        """End the run, whose exit code says whether it was completed."""
        self.log_hyperparams(facts)
        self.experiment.summary.update({**metrics, "status": status})
        self.experiment.finish(exit_code=int(status != "completed"))


Open = TensorBoardRun | MLflowRun | WandbRun


def check(config: Config) -> None:
    """Raise UserError if the package of the logger is not installed."""
    name = config.logger.name
    if name == "none":
        return
    found = find_spec(name)
    if found is None or found.origin is None:  # a folder of that name in the working directory is found too
        raise UserError(f"logger={name} needs {name}, which is not installed; run pip install 'fusion[{name}]'.")


@contextmanager
def tracked(config: Config, folder: Path, record: Record) -> Iterator[Logger | None]:
    """Yield the logger of a run, None without one, and close it as the run ends: completed, failed or interrupted.

    It has the configuration from the start, and in the end what run.json says is resolved and reached.
    """
    if config.logger.name == "none":
        yield None
        return
    check(config)
    logger = _open(config, folder)
    try:
        yield logger
    except Stopped:
        _close(logger, record, "interrupted")
        raise
    except Exception:
        _close(logger, record, "failed")
        raise
    _close(logger, record, "completed")


def log_epoch(loggers: Sequence[Logger], values: Mapping[str, float], step: int) -> None:
    """Log a line of metrics.csv."""
    for logger in loggers:
        logger.log_metrics(dict(values), step)


def _open(config: Config, folder: Path) -> Open:
    """Return the logger, its run begun. Raises UserError where it cannot be, as on a server that does not answer."""
    for name, value in (PRIVATE | QUIET).items():  # read when the packages are imported
        os.environ.setdefault(name, value)
    try:
        logger = _create(config, folder)
        # without the logger's own options: an address may hold a password
        logger.log_hyperparams(flat({name: value for name, value in config.to_dict().items() if name != "logger"}))
    except Exception as error:
        raise UserError(f"logger={config.logger.name} cannot begin ({first_line(error)}); see logger.*.") from error
    return logger


def _create(config: Config, folder: Path) -> Open:
    match config.logger:
        case MLflow(tracking_uri=uri, experiment=experiment):
            return _create_mlflow(uri, experiment, folder.name)
        case WandB(project=project, mode=mode):
            return _create_wandb(project, mode, folder)
        case _:
            return TensorBoardRun(folder, "tensorboard", version="", default_hp_metric=False)


def _create_wandb(project: str, mode: Literal["offline", "online"], folder: Path) -> WandbRun:
    """Return a run that has begun, its x-axis what Lightning calls a step."""
    import wandb

    settings = wandb.Settings(console="off", silent=True)  # run.log has what is printed
    run = wandb.init(project=project, name=folder.name, dir=str(folder.absolute()), mode=mode, settings=settings)
    run.define_metric("trainer/global_step")
    run.define_metric("*", step_metric="trainer/global_step", step_sync=True)
    return WandbRun(experiment=run)


def _create_mlflow(uri: str, experiment: str, name: str) -> MLflowRun:
    """Return a run that has begun."""
    if uri.startswith(SQLITE):
        file = Path(uri.removeprefix(SQLITE)).absolute()
        file.parent.mkdir(parents=True, exist_ok=True)
        uri = f"{SQLITE}{file}"
    logger = MLflowRun(experiment, name, uri)
    from mlflow.exceptions import MlflowException

    try:
        assert logger.run_id
    except MlflowException:  # another job of a sweep has made the experiment at the same moment
        assert logger.run_id
    return logger


def _close(logger: Open, record: Record, status: str) -> None:
    """Close a logger; a warning is all that comes of it where that fails, for the run is what it is."""
    try:
        logger.close(status, flat({"resolved": record.content["resolved"]}), numbers(record.content["metrics"]))
    except Exception as error:
        log.warning("warning: the logger could not be closed (%s); run.json has what was reached", first_line(error))


def flat(tree: Mapping[str, Any], within: str = "") -> Facts:
    """Nested options -> dotted names and their values."""
    found: Facts = {}
    for name, value in tree.items():
        key = f"{within}.{name}" if within else str(name)
        found |= flat(value, key) if isinstance(value, Mapping) else {key: value}
    return found


def numbers(tree: Any, within: str = "") -> dict[str, float]:
    """Metrics of run.json -> its numbers, as test/accuracy; those of a list by their place, as test/accuracy_95/0."""
    if isinstance(tree, (int, float)) and not isinstance(tree, bool):
        return {within: float(tree)}
    parts = tree.items() if isinstance(tree, Mapping) else enumerate(tree) if isinstance(tree, (list, tuple)) else ()
    found: dict[str, float] = {}
    for name, value in parts:
        found |= numbers(value, f"{within}/{name}" if within else str(name))
    return found
