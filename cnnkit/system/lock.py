"""One lock of the operating system on a file or folder: `lock = Lock(path)`, `lock.take()`.

POSIX has advisory locks of open files and folders (flock). Windows has them for files alone, and
keeps an open file from being renamed or removed; `windows_lock` has another kind for it.
"""

from __future__ import annotations

import sys
from pathlib import Path

if sys.platform == "win32":
    from cnnkit.system.windows_lock import Lock as Lock
else:
    import fcntl
    import os

    class Lock:
        """A lock that ends when it is closed, or with its process.

        Raises:
            OSError: the file or folder is absent or cannot be opened.
        """

        def __init__(self, path: Path, follow: bool = True) -> None:
            more = 0 if follow else os.O_NOFOLLOW | os.O_NONBLOCK
            self._descriptor = os.open(path, os.O_RDONLY | more)

        def is_mine(self) -> bool:
            """Return whether the file or folder is this user's."""
            return os.fstat(self._descriptor).st_uid == os.geteuid()

        def take(self) -> bool | None:
            """Return True with the lock, False if another holder has it, None without locks."""
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            except OSError:
                return None
            return True

        def close(self) -> None:
            """Give it up."""
            os.close(self._descriptor)
