"""Cold start: a peer's import, preparation and first output, in a process of its own.

The child is `python -m cnnkit.bench.cold_start SUITE CASE PEER THREADS BATCH MODEL PREPROCESS
PARAMETERS SIZE`. It loads NumPy and the workload before its clock starts, because every peer needs
them.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from cnnkit.bench.peers.registry import select_peers
from cnnkit.bench.subject import Model
from cnnkit.bench.suites import make_suites
from cnnkit.models.said import Said, parse_image_size
from cnnkit.system.subprocesses import module_command

PROCESSES = 3
TIMEOUT = 300.0  # seconds; torch.compile starts a C++ compiler


def cold_seconds(
    suite: str, index: int, peer: str, threads: int, batch: int | None, model: Model
) -> float | None:
    """Return the lowest seconds of a few fresh processes, or None if one fails.

    The lowest, because the first process also reads the peer's libraries from the disk.

    Args:
        suite: a key of SUITES or MORE_SUITES.
        index: the case's in the suite.
        peer: the name of one of the case's peers.
        threads: the peer's.
        batch: N; None for the case's own.
        model: as in BenchConfig.
    """
    size = "x".join(map(str, model.said.size or ()))
    said = (model.name, model.said.preprocess, model.said.parameters, size)
    arguments = [suite, index, peer, threads, batch or "", *(each or "" for each in said)]
    command = module_command("cnnkit.bench.cold_start", *arguments)
    seconds = []
    for _ in range(PROCESSES):
        try:
            child = subprocess.run(
                command, capture_output=True, text=True, check=True, timeout=TIMEOUT
            )
            seconds.append(float(child.stdout.split()[-1]))
        except (subprocess.SubprocessError, ValueError, IndexError):
            return None
    return min(seconds)


def main(
    suite: str, index: str, peer: str, threads: str, batch: str, name: str, *said: str
) -> None:
    """Print the seconds to the first output."""
    preprocess, parameters, size = said
    stated = Said(
        Path(parameters) if parameters else None,
        preprocess or None,
        size=parse_image_size(size) if size else None,
    )
    model = Model(name or None, stated)
    works = make_suites([suite], model, int(batch) if batch else None)[suite]
    start = time.perf_counter()
    work = works[int(index)]
    select_peers(work)[peer].factory(work, int(threads)).run()
    print(time.perf_counter() - start)


if __name__ == "__main__":
    main(*sys.argv[1:])
