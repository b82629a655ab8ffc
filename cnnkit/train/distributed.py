"""One training in several processes: `torchrun --nproc-per-node 2 -m cnnkit train --engine torch`.

torchrun starts the same command in every process. All of them train. Rank 0 reads and writes the
run folder and prints; the others use a temporary folder and print nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console

from cnnkit.data.dataset import Dataset
from cnnkit.errors import InputError, NetworkError, VerdictError
from cnnkit.runs.state import STATE_FILE, read_state
from cnnkit.system.files import read_bytes, write_bytes
from cnnkit.system.subprocesses import exchange_folder
from cnnkit.train import trainer
from cnnkit.train.config import TrainConfig
from cnnkit.train.engines.base import require_packages
from cnnkit.train.loop import TrainingInterruptedError
from cnnkit.train.trainer import TrainResult


def launched() -> bool:
    """Return whether torchrun started this process."""
    return {"RANK", "WORLD_SIZE"} <= os.environ.keys()


def train(config: TrainConfig, console: Console | None = None) -> TrainResult:
    """Run `cnnkit.train.trainer.train` jointly with the other processes of torchrun.

    Raises:
        InputError: as there; also an engine other than PyTorch's, a device other than the CPU, or
            a batch size below the number of processes.
        NetworkError: as there; also if another process ended.
        SystemExit: the training is over and this process is not rank 0.
        CnnkitError, TrainingInterruptedError: as there.
    """

    def train_rank(rank: int, temporary: Path) -> TrainResult:
        _check_config(rank, config)
        data = _load(config, console)
        if rank == 0:
            return trainer.train(replace(config, engine="torch"), console, data)
        ours = replace(config, engine="torch", output=temporary / "run")
        return trainer.train(ours, data=data, pictures=False)

    return _in_process_group(train_rank)


def resume(
    folder: Path,
    epochs: int | None = None,
    data_folder: Path | None = None,
    console: Console | None = None,
) -> TrainResult:
    """Run `cnnkit.train.trainer.resume` jointly with the other processes of torchrun.

    The run may have been started with any number of processes; only rank 0 needs its folder.

    Raises:
        InputError, NetworkError, SystemExit: as in `train`.
        CnnkitError, TrainingInterruptedError: as in `cnnkit.train.trainer.resume`.
    """

    def train_rank(rank: int, temporary: Path) -> TrainResult:
        content = b""
        if rank == 0:
            read_state(folder)  # raises its error before anything is sent
            content = read_bytes(folder / STATE_FILE)
        write_bytes(temporary / "run" / STATE_FILE, _broadcast(content))
        config = TrainConfig.from_json(read_state(temporary / "run").config)
        config = replace(config, data=data_folder or config.data)
        _check_config(rank, config)
        data = _load(config, console)
        if rank == 0:
            return trainer.resume(folder, epochs, data_folder, console, data)
        return trainer.resume(temporary / "run", epochs, data_folder, data=data, pictures=False)

    return _in_process_group(train_rank)


class _RefusedError(Exception):
    """Rank 0 reports that the config is invalid; the other ranks end silently."""


def _check_config(rank: int, config: TrainConfig) -> None:
    """Raise InputError for an invalid config on rank 0, _RefusedError on the others."""
    try:
        config.check()
        _check_distributable(config)
    except InputError as error:
        if rank == 0:
            raise
        raise _RefusedError from error


def _check_distributable(config: TrainConfig) -> None:
    processes = int(os.environ["WORLD_SIZE"])
    if config.engine == "native":
        raise InputError(
            "--engine native", "trains in one process", "use --engine torch with torchrun"
        )
    if config.device not in ("auto", "cpu"):
        raise InputError(
            f"--device {config.device}",
            "cannot be used with torchrun",
            "leave it out to train on the CPU",
        )
    if config.batch_size < processes:
        raise InputError(
            "--batch-size",
            f"is {config.batch_size}, fewer than the {processes} processes",
            "make it larger, or --nproc-per-node smaller",
        )


def _in_process_group(train_rank: Callable[[int, Path], TrainResult]) -> TrainResult:
    """Run `train_rank(rank, a temporary folder)` in the process group that torchrun describes.

    Rank 0 returns the result or raises the error. For outcomes that all ranks share, the others
    exit with 0: torchrun would otherwise kill rank 0 before it could report.
    """
    require_packages("torch")
    from torch import distributed

    from cnnkit.train.engines.ddp import collective

    with collective():
        distributed.init_process_group("gloo")
    rank = distributed.get_rank()
    with exchange_folder() as temporary:
        try:
            result = train_rank(rank, temporary)
        except (TrainingInterruptedError, VerdictError, _RefusedError):
            if rank == 0:
                raise
        except NetworkError as error:
            if rank == 0:
                raise
            raise SystemExit(error.exit_code) from error
    distributed.destroy_process_group()
    if rank == 0:
        return result
    raise SystemExit(0)


def _load(config: TrainConfig, console: Console | None) -> Dataset:
    """Load the data, local rank 0 first: it may have to download it to the machine's cache."""
    from torch import distributed

    from cnnkit.train.engines.ddp import collective

    first = os.environ.get("LOCAL_RANK", "0") == "0"
    quiet = console is None or console.quiet or os.environ["RANK"] != "0"
    if first:
        data = trainer.load_data(config, quiet)
    with collective():
        distributed.barrier()
    return data if first else trainer.load_data(config, quiet)


def _broadcast(content: bytes) -> bytes:
    """Return rank 0's `content` on every rank."""
    import torch
    from torch import distributed

    from cnnkit.train.engines.ddp import collective

    size = torch.tensor(len(content))
    with collective():
        distributed.broadcast(size, 0)
    values = torch.zeros(int(size), dtype=torch.uint8)
    if content:
        values = torch.from_numpy(np.frombuffer(content, np.uint8).copy())
    with collective():
        distributed.broadcast(values, 0)
    return values.numpy().tobytes()
