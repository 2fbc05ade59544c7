"""Backups as streams: the library calls back for each piece of bytes."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

from ._call import call, struct
from ._ffi import ffi, lib

Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class Backup:
    """What is known about a backup. created is in seconds since 1970, UTC."""

    store_id: str
    generation: int
    created: float
    num_records: int
    size: int


class _Work:
    """A file and a progress function of one call, and the exception that ended it."""

    def __init__(self, file: BinaryIO, progress: Progress | None) -> None:
        self.file = file
        self.progress = progress
        self.error: BaseException | None = None


@ffi.def_extern(error=1)  # type: ignore  # cffi has no types
def strongroom_py_write(context: Any, data: Any, size: int) -> int:
    work = ffi.from_handle(context)
    try:
        rest = memoryview(ffi.buffer(data, size)[:])  # a copy, which the file may keep
        while rest:
            written = work.file.write(rest)
            if not isinstance(written, int) or not 0 < written <= len(rest):
                raise ValueError(f"write() of the file returned {written!r} for {len(rest)} bytes")
            rest = rest[written:]
        return 0
    except BaseException as error:
        work.error = error
        return 1


@ffi.def_extern(error=1)  # type: ignore  # cffi has no types
def strongroom_py_read(context: Any, data: Any, size: int, out_size: Any) -> int:
    work = ffi.from_handle(context)
    try:
        piece = memoryview(work.file.read(size)).cast("B")
        if len(piece) > size:
            raise ValueError("read() of the file returned more than it was asked for")
        ffi.memmove(data, piece, len(piece))
        out_size[0] = len(piece)
        return 0
    except BaseException as error:
        work.error = error
        return 1


@ffi.def_extern(error=0)  # type: ignore  # cffi has no types
def strongroom_py_progress(context: Any, progress: Any) -> int:
    work = ffi.from_handle(context)
    try:
        if work.progress is not None:
            work.progress(progress.num_records, progress.size_bytes)
        return 1
    except BaseException as error:
        work.error = error
        return 0


def run(function: Any, file: BinaryIO, progress: Progress | None, *before: Any) -> Backup:
    """Calls function(*before, progress, handle, info, error); what a callback raised is raised here."""
    work = _Work(file, progress)
    handle = ffi.new_handle(work)
    info = struct("strongroom_backup_info")
    try:
        call(function, *before, lib.strongroom_py_progress, handle, info)
    except Exception as error:
        if work.error is not None:
            raise work.error from error
        raise
    if work.error is not None:
        raise work.error
    return Backup(bytes(info.store_id).hex(), info.generation, info.created_ms / 1000, info.num_records, info.size_bytes)


def backup_verify(file: BinaryIO, *, progress: Progress | None = None) -> Backup:
    """Reads a backup to its end, and returns what is known about it. It needs no keys and no store.

    progress  is called with the numbers of records and bytes so far; what it raises ends the work.
    """
    return run(lib.strongroom_backup_verify, file, progress, lib.strongroom_py_read)
