"""Read many picture files on all cores: `read_pictures(root, paths, record, rows, console)`."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from cnnkit.data.own.decoder import Facts, answer
from cnnkit.errors import KilledError, StorageError
from cnnkit.graph.preprocessing import Preprocessing
from cnnkit.system.cpu import usable_cores
from cnnkit.system.subprocesses import module_command, module_environment

CHUNK, STATES = 64, 1024  # pictures a request
ALONE = 256  # pictures a process, below which starting it takes longer than it saves
MOST_PROCESSES = 16
PIPE = 4096  # bytes that every empty pipe takes

Taken = Callable[[], Iterator[dict[str, Any]]]
Keep = Callable[[dict[str, Any], Sequence[Sequence[Any]]], None]


def read_pictures(
    root: Path,
    paths: Sequence[str],
    record: Preprocessing | None,
    rows: tuple[Path, int] | None,
    console: Console,
) -> tuple[list[Facts], list[str]]:
    """Read picture files; with `record`, also write their pixels.

    Args:
        root: the folder that `paths` are relative to.
        paths: N files.
        record: how they are prepared; None reads the headers only.
        rows: an existing file for the pixels, and the offset of their N C H W bytes in it.
        console: where to show progress.

    Returns:
        The files' facts, and the paths of those that changed after they were read.

    Raises:
        KilledError: a process that reads was killed.
        StorageError: the pixels cannot be written.
    """
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    common = {
        "root": str(root),
        "rows": rows and [str(rows[0]), rows[1]],
        "record": record and record.to_json(scaled_inside=True),
    }
    for start in range(0, len(paths), CHUNK):
        requests.put({**common, "start": start, "paths": list(paths[start : start + CHUNK])})
    for start in range(0, len(paths), STATES):
        requests.put({"root": str(root), "start": start, "paths": paths[start : start + STATES]})
    count = min(len(usable_cores()), MOST_PROCESSES, len(paths) // ALONE)
    found: dict[int, list[Facts]] = {}
    states: dict[int, Sequence[Sequence[int]]] = {}
    idle = console.quiet or not console.is_terminal
    with Progress(console=console, transient=True, disable=idle) as progress:
        task = progress.add_task(
            "decoding pictures" if record else "looking at pictures", total=len(paths)
        )

        def taken() -> Iterator[dict[str, Any]]:
            with suppress(queue.Empty):
                while True:
                    yield requests.get_nowait()

        def keep(request: dict[str, Any], reply: Sequence[Sequence[Any]]) -> None:
            if "record" in request:
                found[request["start"]] = [Facts(*values) for values in reply]
                progress.advance(task, len(request["paths"]))
            else:
                states[request["start"]] = reply

        _in_processes(taken, keep, max(0, count - 1))
    facts = [fact for start in sorted(found) for fact in found[start]]
    now = [state for start in sorted(states) for state in states[start]]
    changed = [
        path
        for path, fact, state in zip(paths, facts, now, strict=True)
        if fact.state and fact.state != state
    ]
    return facts, changed


def _in_processes(taken: Taken, keep: Keep, count: int) -> None:
    """Answer requests here, and in as many threads, each of which asks a process of its own."""
    failures: list[BaseException] = []

    def ask(child: subprocess.Popen[str]) -> None:
        try:
            _ask(child, taken(), keep)
        except BaseException as error:
            failures.append(error)

    with ExitStack() as stack:
        threads = [
            threading.Thread(target=ask, args=(stack.enter_context(_process()),), daemon=True)
            for _ in range(count)
        ]
        for thread in threads:
            thread.start()
        for request in taken():  # this process has its modules loaded, others are still starting
            keep(request, answer(request))
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]


def _ask(child: subprocess.Popen[str], requests: Iterator[dict[str, Any]], keep: Keep) -> None:
    """Have a process answer requests; it has the next one while it works, so as not to wait."""
    assert child.stdin is not None
    assert child.stdout is not None
    waiting: deque[dict[str, Any]] = deque()
    with suppress(BrokenPipeError):  # it has ended, and so have its replies
        for request in requests:
            line = json.dumps(request) + "\n"
            # A longer one could be stuck until the process reads it, which may be stuck with a
            # reply that nobody reads.
            if waiting and len(line) > PIPE:
                keep(waiting.popleft(), _reply(child))
            waiting.append(request)
            child.stdin.write(line)
            child.stdin.flush()
            if len(waiting) > 1:
                keep(waiting.popleft(), _reply(child))
    while waiting:
        keep(waiting.popleft(), _reply(child))


def _reply(child: subprocess.Popen[str]) -> Any:
    assert child.stdout is not None
    line = child.stdout.readline()
    if not line:
        raise KilledError(
            "a process that decodes pictures",
            f"ended with code {child.wait()}",
            "free memory, and start again",
        )
    reply = json.loads(line)
    if isinstance(reply, dict):
        raise StorageError(*reply["refused"])
    return reply


@contextmanager
def _process() -> Iterator[subprocess.Popen[str]]:
    """Yield a process that answers requests."""
    child = subprocess.Popen(
        module_command("cnnkit.data.own.decoder"),
        env={**module_environment(), "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C goes to this process alone, which ends that one
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        yield child
    finally:
        with suppress(BrokenPipeError):  # it has ended already
            child.stdin.close()  # upon which it ends
        child.wait()
        child.stdout.close()
