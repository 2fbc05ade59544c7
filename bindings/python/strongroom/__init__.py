"""strongroom: a sealed secret store inside your process.

    import strongroom

    with strongroom.open("lmdb:/srv/app/store", key_file="/srv/app/key", create=True) as store:
        store["db/password"] = "swordfish"
        with store["db/password"] as secret:
            connect(memoryview(secret))
"""
from ._native import Secret
from .errors import (AlreadyExistsError, ConflictError, CorruptError, DeniedError, Error, IndeterminateError,
                     InternalError, InvalidError, NotFoundError, NotInitializedError, RollbackError, SealedError,
                     TimeoutError, TooLargeError, UnavailableError, UnsupportedError)
from .store import Change, Finding, Identity, Session, Slot, Status, Store, Watch, open, version
from .streams import Backup, backup_verify

__all__ = [
    "AlreadyExistsError", "Backup", "Change", "ConflictError", "CorruptError", "DeniedError", "Error", "Finding", "Identity",
    "IndeterminateError", "InternalError", "InvalidError", "NotFoundError", "NotInitializedError", "RollbackError",
    "SealedError", "Secret", "Session", "Slot", "Status", "Store", "TimeoutError", "TooLargeError", "UnavailableError",
    "UnsupportedError", "Watch", "backup_verify", "open", "version",
]

__version__ = version()
