"""One build at a time in a project's folder."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from ..errors import InputError, option


class Claim:
    """A project's folder while a build works on it: another build of it is refused.

    The kernel holds the lock (flock(2)) on the folder itself: it leaves no file, and ends with the process. A folder
    that is not there yet cannot be locked, nor can it be mixed: a new project appears as a whole.
    """

    def __init__(self, folder: Path, *, wait: bool = False) -> None:
        """Name the folder.

        Args:
            folder: the project's.
            wait: until another build is done, instead of refusing.
        """
        self.folder = folder
        self._wait = wait
        self._descriptor = -1

    def __enter__(self) -> Claim:
        self.take()
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def take(self) -> None:
        """Lock the folder, if it is there and not locked by this claim.

        Raises:
            InputError: another build works on it.
        """
        if self._descriptor >= 0 or not self.folder.is_dir():
            return
        try:
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            return  # what cannot be read is refused where it is used, with a reason
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if self._wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                return  # a file system without locks
            raise InputError(
                f"{self.folder}: another build of this project is at work",
                f"wait until it is done, or choose another folder with {option('out')}",
                option="out",
                path=self.folder,
            ) from None
        self._descriptor = descriptor
