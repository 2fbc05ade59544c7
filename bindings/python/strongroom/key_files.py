"""Key files: one line with a key of a store. They are read into locked memory and written from it."""
from __future__ import annotations

import os
import stat
from typing import Any

from ._call import Handle, call
from ._ffi import ffi, lib
from .errors import AlreadyExistsError, DeniedError, InvalidError

MAX_LEN = 4096


def _check(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise InvalidError(f"the key file {path!r} is no regular file")
    if status.st_uid not in (0, os.geteuid()):
        raise DeniedError(f"the key file {path!r} belongs to another user")
    groups = {0, os.getegid(), *os.getgroups()}
    if status.st_mode & 0o037 or (status.st_mode & 0o040 and status.st_gid not in groups):
        raise DeniedError(f"others can read or change the key file {path!r}; run: chmod 600 {path}")
    if status.st_size > MAX_LEN:
        raise InvalidError(f"the file {path!r} is too long for a key file")


class KeyFile:
    """The content of a key file as strongroom_bytes, inside a with block."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)

    def __enter__(self) -> Any:
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            _check(self.path, os.fstat(descriptor))
            self._handle = Handle("strongroom_secret", lib.strongroom_secret_free)
            out = self._handle.__enter__()
            call(lib.strongroom_secret_new, MAX_LEN, out)
            size = os.readv(descriptor, [ffi.buffer(lib.strongroom_secret_writable(out[0]), MAX_LEN)])
            call(lib.strongroom_secret_truncate, out[0], size)
        finally:
            os.close(descriptor)
        return ffi.new("strongroom_bytes*", {"data": lib.strongroom_secret_data(out[0]), "len": size})

    def __exit__(self, *error: object) -> None:
        self._handle.__exit__(*error)


def write(path: str | os.PathLike[str], credential: Any) -> None:
    """Writes a strongroom_credential into a new file of mode 0600, and returns when it is on the disk."""
    name = os.fspath(path)
    try:
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise AlreadyExistsError(f"the key file {name!r} exists, but not the store; move it away") from None
    try:
        try:
            # One call each: a key is far shorter than what a file system writes at once.
            if os.write(descriptor, ffi.buffer(credential.data, credential.len)) != credential.len \
                    or os.write(descriptor, b"\n") != 1:
                raise OSError(f"the key file {name!r} could not be written whole")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        folder = os.open(os.path.dirname(name) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except BaseException:
        os.unlink(name)
        raise
