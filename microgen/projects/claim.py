"""One build at a time in a project's folder, or any number of checks."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from ..errors import InputError, option


class Claim:
    """A project's folder while a build works on it: another build of it is refused.

    Who only compares shares it with others that do: they keep builds out, and are refused beside one.

    The kernel holds the lock (flock(2)) on the folder itself: it leaves no file, and ends with the process. A folder
    that is not there yet cannot be locked, nor can it be mixed: a new project appears as a whole.
    """

    def __init__(self, folder: Path, *, shared: bool = False, wait: bool = False) -> None:
        """Name the folder.

        Args:
            folder: the project's.
            shared: nothing will be written there.
            wait: until another build is done, instead of refusing.
        """
        self.folder = folder
        self._operation = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        self._holder = "a build" if shared else "another build or check"
        self._blocking = 0 if wait else fcntl.LOCK_NB
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
            InputError: another build works on it, or a check where the claim is not shared.
        """
        if self._descriptor >= 0 or not self.folder.is_dir():
            return
        try:
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            return  # what cannot be read is refused where it is used, with a reason
        try:
            fcntl.flock(descriptor, self._operation | self._blocking)
        except OSError as error:
            os.close(descriptor)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                return  # a file system without locks
            raise InputError(
                f"{self.folder}: {self._holder} of this project is running",
                f"wait until it is done, or choose a different folder with {option('out')}",
                option="out",
                path=self.folder,
            ) from None
        self._descriptor = descriptor
