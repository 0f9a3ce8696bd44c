"""Lock a file against other processes; the system releases the lock when the process ends."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS)
"""Errors of file systems that have no locks."""


def lock(handle: int) -> bool:
    """Lock an open file; return False if another process has the lock.

    On a file system without locks every file counts as free.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Lock a file, which is made if it is missing; yield False if another process has the lock."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        handle = os.open(path, flags, 0o666)
        try:
            is_free = lock(handle)
            # Another process may have released and removed the file in between.
            with suppress(FileNotFoundError):
                if not is_free or os.path.samestat(os.fstat(handle), os.stat(path)):
                    yield is_free
                    return
        finally:
            os.close(handle)
