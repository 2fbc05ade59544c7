"""How the package calls the C ABI by cffi."""
from __future__ import annotations

from typing import Any

from . import _native
from ._ffi import ffi, lib
from .errors import InvalidError, error_of

_native.set_error_of(error_of)


def call(function: Any, *args: Any) -> None:
    """Calls a function whose last argument is a strongroom_error**, and raises what it says."""
    error = ffi.new("strongroom_error**")
    status = function(*args, error)
    if status == lib.STRONGROOM_OK:
        return
    message = "there was no memory"
    if error[0] != ffi.NULL:
        message = ffi.string(lib.strongroom_error_message(error[0])).decode(errors="replace")
        lib.strongroom_error_free(error[0])
    raise error_of(status, message)


def struct(name: str, **fields: Any) -> Any:
    """Makes a growing struct, with the size that this package was compiled with."""
    made = ffi.new(f"{name}*")
    made.struct_size = ffi.sizeof(name)
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def text(value: str, what: str = "the path") -> bytes:
    """Returns the bytes of a text for C."""
    if not isinstance(value, str):
        raise TypeError(f"{what} is a str, not {type(value).__name__}")
    try:
        encoded = value.encode()
    except UnicodeEncodeError:
        raise InvalidError(f"{what} contains a lone surrogate") from None
    if b"\0" in encoded:
        raise InvalidError(f"{what} contains a NUL")
    return encoded


class Handle:
    """An own handle of the C ABI, freed at the end of a with block: `with Handle("strongroom_names", free) as out`."""

    __slots__ = ("_out", "_free")

    def __init__(self, name: str, free: Any) -> None:
        self._out = ffi.new(f"{name}**")
        self._free = free

    def __enter__(self) -> Any:
        return self._out

    def __exit__(self, *_: object) -> None:
        self._free(self._out[0])
