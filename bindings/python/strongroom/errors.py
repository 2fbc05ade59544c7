"""The exceptions of strongroom: one for each status of the C ABI. All derive from Error."""
from __future__ import annotations

import builtins


class Error(Exception):
    """A call failed. `status` is the name that the C ABI and the documentation use, such as "not_found"."""

    status = "unknown"

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else self.status


class InvalidError(Error, ValueError):
    """The input breaks a rule, or the store is closed, or the secret released."""

    status = "invalid"


class NotFoundError(Error, KeyError):
    """Nothing is stored there."""

    status = "not_found"


class AlreadyExistsError(Error, FileExistsError):
    """Something is there that must not be."""

    status = "already_exists"


class DeniedError(Error, PermissionError):
    """There is no right to it, or a credential is wrong."""

    status = "denied"


class SealedError(Error):
    """No keys are loaded: unseal the store. Or it is used after a fork."""

    status = "sealed"


class NotInitializedError(Error, FileNotFoundError):
    """There is no store yet: init it, or open it with create=True."""

    status = "not_initialized"


class ConflictError(Error):
    """Another writer was first: read again."""

    status = "conflict"


class IndeterminateError(Error):
    """Whether it happened is not known: read back."""

    status = "indeterminate"


class TooLargeError(Error, ValueError):
    """It is over a limit, which the message names."""

    status = "too_large"


class CorruptError(Error):
    """What is stored does not authenticate."""

    status = "corrupt"


class RollbackError(Error):
    """What is stored is older than what was seen before."""

    status = "rollback"


class UnavailableError(Error, OSError):
    """There is trouble with the storage or memory: try later, or make room."""

    status = "unavailable"


class TimeoutError(Error, builtins.TimeoutError):  # noqa: A001  (it is one)
    """The deadline passed, and nothing was changed."""

    status = "timeout"


class UnsupportedError(Error, NotImplementedError):
    """A newer format, or a part that is not built in."""

    status = "unsupported"


class InternalError(Error, RuntimeError):
    """A mistake in strongroom; please report it."""

    status = "internal"


# In the order of the numbers, from 1, which never change their meaning.
_BY_STATUS: tuple[type[Error], ...] = (
    InvalidError, NotFoundError, AlreadyExistsError, DeniedError, SealedError, NotInitializedError, ConflictError,
    IndeterminateError, TooLargeError, CorruptError, RollbackError, UnavailableError, TimeoutError, UnsupportedError,
    InternalError,
)


def error_of(status: int, message: str) -> Error:
    """Returns the exception for a status of the C ABI."""
    kind = _BY_STATUS[status - 1] if 1 <= status <= len(_BY_STATUS) else Error
    made: Error = kind(message)
    return made
