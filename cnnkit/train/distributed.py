"""One training in several processes: `torchrun --nproc-per-node 2 -m cnnkit train --engine torch`.

torchrun starts the same command in every process. All of them train; the first one (rank 0) reads
and writes the run folder and speaks, the others work in a temporary folder and are silent.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console

from cnnkit import train as training
from cnnkit.data.dataset import Dataset, load_dataset
from cnnkit.errors import InputError, NetworkError, VerdictError
from cnnkit.runs.state import STATE_FILE, read_state
from cnnkit.system.files import read_bytes, write_bytes
from cnnkit.system.subprocesses import exchange_folder
from cnnkit.train.config import TrainConfig
from cnnkit.train.engines.base import require_packages
from cnnkit.train.loop import TrainingInterruptedError
from cnnkit.train.trainer import TrainResult


def launched() -> bool:
    """Tell whether torchrun started this process."""
    return {"RANK", "WORLD_SIZE"} <= os.environ.keys()


def train(config: TrainConfig, console: Console | None = None) -> TrainResult:
    """Do what `cnnkit.train.trainer.train` does, together with the other processes of torchrun.

    Raises:
        InputError: as there; also another engine than PyTorch's, another device than the CPU, or
            fewer images in a batch than there are processes.
        NetworkError: as there; also if another process is gone.
        SystemExit: this is another than the first process, and the training is over.
        CnnkitError, TrainingInterruptedError: as there.
    """

    def work(rank: int, home: Path) -> TrainResult:
        _check(rank, config)
        data = _load(config, console)
        if rank == 0:
            return training.train(replace(config, engine="torch"), console, data)
        mine = replace(config, engine="torch", output=home / "run")
        return training.train(mine, data=data, pictures=False)

    return _in_all_processes(work)


def resume(
    folder: Path,
    epochs: int | None = None,
    data_folder: Path | None = None,
    console: Console | None = None,
) -> TrainResult:
    """Do what `cnnkit.train.trainer.resume` does, together with the other processes of torchrun.

    The run may have begun in any number of processes; the folder needs to be where the first is.

    Raises:
        InputError, NetworkError, SystemExit: as `train`.
        CnnkitError, TrainingInterruptedError: as `cnnkit.train.trainer.resume`.
    """

    def work(rank: int, home: Path) -> TrainResult:
        content = b""
        if rank == 0:
            read_state(folder)  # for its error messages
            content = read_bytes(folder / STATE_FILE)
        write_bytes(home / STATE_FILE, _from_first(content))
        config = TrainConfig.from_json(read_state(home).config)
        config = replace(config, data=data_folder or config.data)
        _check(rank, config)
        data = _load(config, console)
        if rank == 0:
            return training.resume(folder, epochs, data_folder, console, data)
        return training.resume(home, epochs, data_folder, data=data, pictures=False)

    return _in_all_processes(work)


class _RefusedError(Exception):
    """What the first process says of a config."""


def _check(rank: int, config: TrainConfig) -> None:
    """Raise InputError in the first process for what makes no such training, else _RefusedError."""
    try:
        config.check()
        _check_fits(config)
    except InputError as error:
        if rank == 0:
            raise
        raise _RefusedError from error


def _check_fits(config: TrainConfig) -> None:
    processes = int(os.environ["WORLD_SIZE"])
    if config.engine == "native":
        raise InputError(
            "--engine native", "trains in one process", "use --engine torch with torchrun"
        )
    if config.device not in ("auto", "cpu"):
        raise InputError(
            f"--device {config.device}", "cannot be used with torchrun", "leave it out: the CPU is"
        )
    if config.batch_size < processes:
        raise InputError(
            "--batch-size",
            f"is {config.batch_size}, fewer than the {processes} processes",
            "make it larger, or --nproc-per-node smaller",
        )


def _in_all_processes(work: Callable[[int, Path], TrainResult]) -> TrainResult:
    """Do `work(rank, a temporary folder)` in the group that torchrun describes.

    The first process returns or raises what it did. The others end with 0 in whatever all of them
    know, for the first one says it: torchrun would end it before, if another failed.
    """
    require_packages("torch")
    from torch import distributed

    from cnnkit.train.engines.ddp import together

    with together():
        distributed.init_process_group("gloo")
    rank = distributed.get_rank()
    with exchange_folder() as home:
        try:
            result = work(rank, home)
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
    """Load the data, the first process of a machine before the others: it may have to fetch it."""
    from torch import distributed

    from cnnkit.train.engines.ddp import together

    first = os.environ.get("LOCAL_RANK", "0") == "0"
    quiet = console is None or console.quiet or os.environ["RANK"] != "0"
    if first:
        data = load_dataset(config.dataset, config.data, quiet)
    with together():
        distributed.barrier()
    return data if first else load_dataset(config.dataset, config.data, quiet)


def _from_first(content: bytes) -> bytes:
    """Return the first process's `content` in every process."""
    import torch
    from torch import distributed

    from cnnkit.train.engines.ddp import together

    size = torch.tensor(len(content))
    with together():
        distributed.broadcast(size, 0)
    values = torch.zeros(int(size), dtype=torch.uint8)
    if content:
        values = torch.from_numpy(np.frombuffer(content, np.uint8).copy())
    with together():
        distributed.broadcast(values, 0)
    return values.numpy().tobytes()
