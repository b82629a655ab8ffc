"""Read many picture files on all cores: `read_pictures(root, paths, record, rows, console)`."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from cnnkit.data.own.decoder import Facts, answer
from cnnkit.errors import KilledError
from cnnkit.graph.preprocessing import Preprocessing
from cnnkit.system.cpu import usable_cores
from cnnkit.system.subprocesses import module_command, module_environment

CHUNK = 64  # pictures a request
ALONE = 256  # pictures a process, below which starting it takes longer than it saves
MOST_PROCESSES = 16


def read_pictures(
    root: Path,
    paths: Sequence[str],
    record: Preprocessing | None,
    rows: tuple[Path, int] | None,
    console: Console,
) -> list[Facts]:
    """Return the facts of picture files; with `record`, also write their pixels.

    Args:
        root: the folder that `paths` are relative to.
        paths: N files.
        record: how they are prepared; None reads the headers only.
        rows: an existing file for the pixels, and the offset of their N C H W bytes in it.
        console: where to show progress.

    Raises:
        KilledError: a process that reads was killed.
    """
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    common = {
        "root": str(root),
        "rows": rows and [str(rows[0]), rows[1]],
        "record": record and record.to_json(scaled_inside=True),
    }
    for start in range(0, len(paths), CHUNK):
        requests.put({**common, "start": start, "paths": list(paths[start : start + CHUNK])})
    count = min(len(usable_cores()), MOST_PROCESSES, len(paths) // ALONE)
    found: dict[int, Sequence[Sequence[Any]]] = {}
    with Progress(console=console, transient=True, disable=console.quiet) as progress:
        task = progress.add_task(
            "decoding pictures" if record else "looking at pictures", total=len(paths)
        )

        def work(respond: Any) -> None:
            while True:
                try:
                    request = requests.get_nowait()
                except queue.Empty:
                    return
                found[request["start"]] = respond(request)
                progress.advance(task, len(request["paths"]))

        if count <= 1:
            work(answer)
        else:
            _in_processes(work, count - 1)
    return [Facts(*values) for start in sorted(found) for values in found[start]]


def _in_processes(work: Any, count: int) -> None:
    """Run `work` here, and in as many threads, each of which asks a process of its own."""
    failures: list[BaseException] = []

    def guarded(respond: Any) -> None:
        try:
            work(respond)
        except BaseException as error:
            failures.append(error)

    with ExitStack() as stack:
        threads = [
            threading.Thread(target=guarded, args=(stack.enter_context(_process()),), daemon=True)
            for _ in range(count)
        ]
        for thread in threads:
            thread.start()
        work(answer)  # this process has its modules loaded, the others are still starting
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]


@contextmanager
def _process() -> Iterator[Any]:
    """Yield a function that has a request answered by a process of its own."""
    child = subprocess.Popen(
        module_command("cnnkit.data.own.decoder"),
        env={**module_environment(), "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    requests, replies = child.stdin, child.stdout
    assert requests is not None
    assert replies is not None

    def respond(request: dict[str, Any]) -> Any:
        try:
            requests.write(json.dumps(request) + "\n")
            requests.flush()
            line = replies.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise KilledError(
                "a process that decodes pictures",
                f"ended with code {child.wait()}",
                "free memory, and start again",
            )
        return json.loads(line)

    try:
        yield respond
    finally:
        with suppress(BrokenPipeError):  # it has ended already
            requests.close()  # upon which it ends
        child.wait()
        replies.close()
