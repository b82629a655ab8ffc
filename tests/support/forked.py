"""Processes of cnnkit's modules, forked from one that has imported PyTorch: `forked_processes()`.

Imports are half of what such a process takes. What it does is the same: it has memory of its own,
its output and its exit code or signal are passed on. Not for tests of starting processes.
"""

from __future__ import annotations

import json
import os
import resource
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TextIO

import pytest

from cnnkit.system import subprocesses

MODULES = (
    "cnnkit.formats.pytorch.export_process",
    "cnnkit.runtimes.isolated",
    "cnnkit.runtimes.original",
    "cnnkit.runtimes.third_party",
)
LIMITS = (resource.RLIMIT_FSIZE, resource.RLIMIT_AS)


class Server:
    """The process that forks, started when it is first needed."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            subprocesses.module_command(__name__),
            env=subprocesses.module_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C in a test is for others
        )

    def ask(self, **request: object) -> int:
        """Return the answer to one request."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


class Forked:
    """What cnnkit uses of `subprocess.Popen`."""

    def __init__(self, server: Server, command: list[str], environment: dict[str, str]) -> None:
        self.args, self.returncode, self._server = command, None, server
        self._folder = tempfile.TemporaryDirectory(prefix="forked-")
        self._outputs = [str(Path(self._folder.name, name)) for name in ("out", "err")]
        self._pid = server.ask(
            arguments=command[command.index("-m") + 1 :],
            environment=environment,
            folder=os.getcwd(),
            limits=[resource.getrlimit(limit) for limit in LIMITS],
            outputs=self._outputs,
        )

    def __enter__(self) -> Forked:
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()
        self._folder.cleanup()

    def communicate(self) -> list[str]:
        """Wait for its end; return what it printed on stdout and stderr."""
        if self.returncode is None:
            self.returncode = self._server.ask(wait=self._pid)
        return [Path(file).read_text("utf-8", "replace") for file in self._outputs]

    def kill(self) -> None:
        """End it, unless it has ended."""
        if self.returncode is None:
            os.kill(self._pid, signal.SIGKILL)
            self.communicate()


@contextmanager
def forked_processes() -> Iterator[None]:
    """Fork what cnnkit would start as `python -m` of one of `MODULES`."""
    servers: list[Server] = []

    def started(command: list[str], **options: Any) -> Any:
        if command[command.index("-m") + 1] not in MODULES:
            return subprocess.Popen(command, **options)
        if not servers:
            servers.append(Server())
        return Forked(servers[0], command, options["env"])

    with pytest.MonkeyPatch.context() as patch:
        shim = SimpleNamespace(**{**vars(subprocess), "Popen": started})
        patch.setattr(subprocesses, "subprocess", shim)
        yield
    for server in servers:
        server.process.communicate()


def become(request: dict[str, Any]) -> int:
    """Run a module as the main program of this process; return its exit code."""
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.path[:0] = request["environment"]["PYTHONPATH"].split(os.pathsep)
    for descriptor, path in enumerate((os.devnull, *request["outputs"])):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), descriptor)
    for limit, values in zip(LIMITS, request["limits"], strict=True):
        resource.setrlimit(limit, values)
    sys.argv = request["arguments"]
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def serve(requests: TextIO, answers: TextIO) -> None:
    """Fork for each request, or wait for a process that was forked."""
    import torch

    import cnnkit.nn.graphs.module
    import cnnkit.runtimes.loader  # noqa: F401

    for line in requests:
        request = json.loads(line)
        if "wait" in request:
            answer = os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
        else:
            if "pt2" in request["arguments"]:
                import torch._dynamo  # noqa: F401
            answer = os.fork()
            if not answer:
                code = become(request)
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        print(answer, file=answers, flush=True)


if __name__ == "__main__":
    # What the libraries print goes to stderr: stdout has the answers.
    with os.fdopen(os.dup(1), "w") as channel, os.fdopen(os.dup(0)) as source:
        os.dup2(2, 1)
        serve(source, channel)
