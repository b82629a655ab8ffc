"""Measure one child process: `python spawn.py COMMAND…` prints the operating system's figures.

Seconds of processor time, seconds from start to exit, and the largest resident memory. It is a
script of its own that imports very little, because Linux counts the memory of the process that
forked the child towards the child's.
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
