"""Measure one child process: `python spawn.py COMMAND…` prints what the system says of it.

Seconds of processor time, seconds from start to exit, kilobytes of memory at most. A script of its
own that imports next to nothing, because Linux counts to a child's memory what the process that
forked it held.
"""

import os
import subprocess
import sys
import time


def main(command: list[str]) -> None:
    """Run a command without input or output, and exit as it does."""
    start = time.perf_counter()
    nowhere = subprocess.DEVNULL
    child = subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    print(usage.ru_utime + usage.ru_stime, seconds, usage.ru_maxrss)
    sys.exit(child.returncode)


if __name__ == "__main__":
    main(sys.argv[1:])
