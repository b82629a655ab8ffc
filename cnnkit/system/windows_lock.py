"""A lock of a file or folder on Windows: an object of the system that is named after it.

It exists for as long as its holder has it open, so a killed process holds none. The file itself is
not opened, since an open one can be neither renamed nor removed there.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from pathlib import Path
from typing import Any

ERROR_ACCESS_DENIED, ERROR_ALREADY_EXISTS = 5, 183

kernel32: Any = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
kernel32.CreateMutexW.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_wchar_p)
kernel32.CreateMutexW.restype = ctypes.c_void_p
kernel32.CloseHandle.argtypes = (ctypes.c_void_p,)


class Lock:
    """A lock that ends when it is closed, or with its process.

    Raises:
        OSError: the file or folder is absent.
    """

    def __init__(self, path: Path, follow: bool = True) -> None:
        found = os.stat(path, follow_symlinks=follow)
        if stat.S_ISLNK(found.st_mode):
            raise OSError(errno.ELOOP, "is a link", str(path))
        # A file system without numbers of files has no locks.
        self._name = found.st_ino and f"Global\\cnnkit-{found.st_dev:x}-{found.st_ino:x}"
        self._handle = None

    def is_mine(self) -> bool:
        """Return whether the file or folder is this user's: others' folders are not read."""
        return True

    def take(self) -> bool | None:
        """Return True with the lock, False if another holder has it, None without locks."""
        if not self._name:
            return None
        handle = kernel32.CreateMutexW(None, False, self._name)
        error = ctypes.get_last_error()  # type: ignore[attr-defined,unused-ignore]
        if handle and error != ERROR_ALREADY_EXISTS:
            self._handle = handle
            return True
        if handle:
            kernel32.CloseHandle(handle)
        return False if handle or error == ERROR_ACCESS_DENIED else None

    def close(self) -> None:
        """Give it up."""
        if self._handle:
            kernel32.CloseHandle(self._handle)
            self._handle = None
