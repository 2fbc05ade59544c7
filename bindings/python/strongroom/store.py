"""Stores and sessions."""
from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, BinaryIO, List, Literal, TypeVar, Union

from . import _native, aio, key_files, streams
from ._call import Handle, call, struct, text
from ._ffi import ffi, lib
from ._native import Secret
from .errors import Error, IndeterminateError, InvalidError, NotFoundError, NotInitializedError

Value = Union[str, bytes, bytearray, memoryview, Secret]
_Self = TypeVar("_Self", bound="Session")

_KINDS = {"user": lib.STRONGROOM_IDENTITY_USER, "service": lib.STRONGROOM_IDENTITY_SERVICE,
          "administrator": lib.STRONGROOM_IDENTITY_ADMINISTRATOR, "trusted": lib.STRONGROOM_IDENTITY_TRUSTED}
_REASONS = ("", "never unsealed", "sealed here", "locked by an operator", "its slot was removed")
_SLOTS = ("", "shares", "key", "wrapped shares", "environment", "system credential")
_LEVELS = ("good", "note", "warning", "danger")
_WATCH_TIMEOUT_MS = 60_000  # then it asks again


def version() -> str:
    """Returns the release of the library, such as "0.1.0"."""
    return str(ffi.string(lib.strongroom_version()).decode())


@dataclass(frozen=True)
class Identity:
    """Who a session acts for. The program has authenticated them.

    kind is "user", "service", "administrator" or "trusted" (which has no id). A service has a space, its own path:
    it may resolve the secrets of the folders above.
    """

    id: str = ""
    kind: Literal["user", "service", "administrator", "trusted"] = "user"
    space: str | None = None
    groups: Sequence[str] = ()

    def _struct(self, keep: list[Any]) -> Any:
        made = struct("strongroom_identity", kind=_KINDS[self.kind])
        if self.id:
            keep.append(ffi.new("char[]", text(self.id, "the id of an identity")))
            made.id = keep[-1]
        if self.space is not None:
            keep.append(ffi.new("char[]", text(self.space, "the space of an identity")))
            made.space = keep[-1]
        names = [ffi.new("char[]", text(each, "a group")) for each in self.groups]
        keep += names
        keep.append(ffi.new("char*[]", names))
        made.groups = keep[-1]
        made.num_groups = len(names)
        return made


@dataclass(frozen=True)
class Status:
    """The state of a store at one moment. progress, threshold and shares are of shares that are given one by one."""

    url: str
    store_id: str
    initialized: bool
    sealed: bool
    reason: str
    locked: bool
    generation: int
    max_secret_len: int
    progress: int
    threshold: int
    shares: int


@dataclass(frozen=True)
class Slot:
    """One way to unseal a store. created is in seconds since 1970, UTC."""

    id: int
    kind: str
    threshold: int
    shares: int
    created: float
    damaged: bool


def _messages(messages: list[str | bytes | dict[str, Any]]) -> tuple[Any, list[Any]]:
    """Messages for C, and what keeps their bytes."""
    keep = []
    given = ffi.new("strongroom_message[]", len(messages))
    for each, message in zip(given, messages):
        is_wire = isinstance(message, bytes)
        encoded = message if isinstance(message, bytes) else \
            (json.dumps(message) if isinstance(message, dict) else message).encode()
        keep.append(ffi.from_buffer(encoded))
        each.data, each.len = _bytes(keep[-1]), len(keep[-1])
        each.format = lib.STRONGROOM_FORMAT_WIRE if is_wire else lib.STRONGROOM_FORMAT_JSON
    return given, keep


def _content(value: Value) -> tuple[int, Any]:
    """The kind of content of a value, and its bytes for cffi."""
    if isinstance(value, str):
        try:
            return lib.STRONGROOM_CONTENT_TEXT, ffi.from_buffer(value.encode())
        except UnicodeEncodeError:
            raise InvalidError("the value contains a lone surrogate") from None
    is_text = isinstance(value, Secret) and value.is_text
    try:
        return lib.STRONGROOM_CONTENT_TEXT if is_text else lib.STRONGROOM_CONTENT_BINARY, ffi.from_buffer(value)
    except TypeError:
        raise TypeError(f"a value is str, bytes or a Secret, not {type(value).__name__}") from None


@dataclass(frozen=True)
class Change:
    """A change of one secret: "changed" or "deleted", and its newest revision (0: it does not open)."""

    path: str
    kind: Literal["changed", "deleted"]
    revision: int


class Watch:
    """Changes of the secrets below a path. Several changes of one secret between two calls are one, of its last state."""

    def __init__(self, handle: Any) -> None:
        self._handle = ffi.gc(handle, lib.strongroom_watch_free)

    def next(self, timeout: float = 0.0) -> list[Change]:
        """Waits up to timeout seconds for changes, and returns them, sorted by path; none when the time is over."""
        timeout_ms = max(0, min(int(timeout * 1000), 0xFFFFFFFF))
        with Handle("strongroom_events", lib.strongroom_events_free) as out:
            call(lib.strongroom_watch_next, self._handle, timeout_ms, out)
            return _changes(out[0])

    def close(self) -> None:
        """Ends the watch. No thread may be in next()."""
        ffi.release(self._handle)
        self._handle = ffi.NULL

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _changes(events: Any) -> list[Change]:
    found = []
    event = struct("strongroom_event")
    for index in range(lib.strongroom_events_size(events)):
        call(lib.strongroom_events_at, events, index, event)
        found.append(Change(ffi.string(event.path).decode(),
                            "deleted" if event.kind == lib.STRONGROOM_EVENT_DELETED else "changed", event.revision))
    return found


@dataclass(frozen=True)
class Finding:
    """What the doctor says: level is "good", "note", "warning" or "danger"; advice is "" where all is well."""

    level: str
    check: str
    what: str
    advice: str


class Session:
    """A store as one identity may use it. Any number of threads may share a session.

    store[path] is a Secret, and NotFoundError is a KeyError. A str is stored as text, bytes as binary content.
    """

    def __init__(self, address: int) -> None:
        self._native = _native.make_session(address)

    # ---- reads

    def get(self, path: str, *, key: str | None = None, fresh: bool = False) -> Secret:
        """Returns the secret at a path.

        key    reads a member of a secret that is a JSON object, a string.
        fresh  sees every write that was acknowledged before, to any process; over a network one more round trip.
        """
        if key is None and not fresh:
            return self._native.get(path)
        encoded = None if key is None else ffi.new("char[]", text(key, "the key"))
        options = struct("strongroom_get_options", key=ffi.NULL if encoded is None else encoded, fresh=int(fresh))
        out = ffi.new("strongroom_secret**")
        with self._native as session:
            call(lib.strongroom_get, _pointer(session), text(path), options, out)
        return _secret(out)

    def get_many(self, paths: Iterable[str]) -> list[Secret | Error]:
        """Returns the secrets at up to 1,000 paths as of one point in time, and an exception for each that failed."""
        return self._native.get_many(tuple(paths))

    def list(self, folder: str = "", *, recursive: bool = False, visible: bool = False) -> list[str]:
        """Returns the names below a folder, sorted by their bytes; those of folders end with a '/'.

        recursive  all secrets below the folder instead, and no folders.
        visible    only what the caller may read, update or delete.
        """
        options = struct("strongroom_list_options", recursive=int(recursive), visible=int(visible))
        with Handle("strongroom_names", lib.strongroom_names_free) as out:
            with self._native as session:
                call(lib.strongroom_list, _pointer(session), text(folder, "the folder"), options, out)
            found = []
            name = struct("strongroom_name")
            for index in range(lib.strongroom_names_size(out[0])):
                call(lib.strongroom_names_at, out[0], index, name)
                found.append(ffi.string(name.name).decode() + "/" * name.is_folder)
            return found

    def resolve(self, message: str | bytes | dict[str, Any]) -> Secret:
        """Returns what a Secret message of Mesos stands for: JSON as str or dict, protobuf's wire format as bytes."""
        given, keep = _messages([message])
        out = ffi.new("strongroom_secret**")
        with self._native as session:
            call(lib.strongroom_resolve, _pointer(session), given, out)
        del keep
        return _secret(out)

    def resolve_many(self, messages: Iterable[str | bytes | dict[str, Any]]) -> List[Secret]:
        """Resolves up to 1,000 messages with one read: all, or the first failure is raised."""
        given, keep = _messages(list(messages))
        with Handle("strongroom_batch", lib.strongroom_batch_free) as out:
            with self._native as session:
                call(lib.strongroom_resolve_many, _pointer(session), given, len(keep), out)
            item = struct("strongroom_batch_item")
            found = []
            for index in range(len(keep)):
                call(lib.strongroom_batch_at, out[0], index, item)
                found.append(_copy(lib.strongroom_secret_data(item.secret), lib.strongroom_secret_size(item.secret)))
            return found

    async def aget(self, path: str, *, key: str | None = None, fresh: bool = False) -> Secret:
        """Returns the secret at a path, as get does, without waiting in this thread."""
        encoded = None if key is None else ffi.new("char[]", text(key, "the key"))
        answers = aio.answers()
        with self._native as session:
            secret: Secret = await answers.ask(lib.strongroom_queue_get, _pointer(session), text(path),
                                               aio.get_options(encoded, fresh))
        return secret

    # ---- changes

    def watch(self, prefix: str = "") -> Watch:
        """Watches the secrets at and below a path."""
        out = ffi.new("strongroom_watch**")
        with self._native as session:
            call(lib.strongroom_watch_open, _pointer(session), text(prefix, "the prefix"), out)
        return Watch(out[0])

    async def awatch(self, prefix: str = "") -> AsyncIterator[Change]:
        """Yields each change of the secrets at and below a path from now on, until it is closed."""
        answers = aio.answers()
        watch = await asyncio.get_running_loop().run_in_executor(None, self.watch, prefix)
        try:
            while True:
                events = await answers.ask(lib.strongroom_queue_watch, watch._handle, _WATCH_TIMEOUT_MS)
                for change in _changes(events):
                    yield change
        finally:
            watch.close()

    # ---- writes

    def put(self, path: str, value: Value, *, revision: int | None = None) -> int:
        """Creates or updates a secret, and returns its revision.

        revision  only if it has exactly this one (compare and set; ConflictError); 0: only if there is none.
        """
        if revision is None:
            return self._put(path, value, lib.STRONGROOM_CONDITION_ANY, 0)
        if revision == 0:
            return self.create(path, value)
        return self._put(path, value, lib.STRONGROOM_CONDITION_REVISION, revision)

    def create(self, path: str, value: Value) -> int:
        """Creates a secret, and returns its revision. AlreadyExistsError where there is one."""
        return self._put(path, value, lib.STRONGROOM_CONDITION_CREATE, 0)

    def update(self, path: str, value: Value) -> int:
        """Updates a secret, and returns its revision. NotFoundError where there is none."""
        return self._put(path, value, lib.STRONGROOM_CONDITION_UPDATE, 0)

    def _put(self, path: str, value: Value, condition: int, revision: int) -> int:
        content, data = _content(value)
        options = struct("strongroom_put_options", condition=condition, revision=_revision(revision))
        out = ffi.new("uint64_t*")
        with self._native as session, data:
            call(lib.strongroom_put, _pointer(session), text(path), content, _bytes(data), len(data), options, out)
        return int(out[0])

    def delete(self, path: str, *, revision: int | None = None) -> int:
        """Deletes a secret, if it has a revision where one is given. Returns the revision of the deletion."""
        options = struct("strongroom_delete_options", revision=_revision(revision or 0))
        out = ffi.new("uint64_t*")
        with self._native as session:
            call(lib.strongroom_delete, _pointer(session), text(path), options, out)
        return int(out[0])

    # ---- as a mapping

    def __getitem__(self, path: str) -> Secret:
        return self._native.get(path)

    def __setitem__(self, path: str, value: Value) -> None:
        self.put(path, value)

    def __delitem__(self, path: str) -> None:
        self.delete(path)

    def __contains__(self, path: str) -> bool:
        try:
            self._native.get(path).release()
        except NotFoundError:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self.list(recursive=True))

    # ---- policies

    def policies(self) -> List[str]:
        """Returns the names of the stored policy documents."""
        with Handle("strongroom_documents", lib.strongroom_documents_free) as out:
            with self._native as session:
                call(lib.strongroom_documents_list, _pointer(session), out)
            return [_document(out[0], index)[0] for index in range(lib.strongroom_documents_size(out[0]))]

    def policy(self, name: str) -> str:
        """Returns the text of a policy document."""
        with Handle("strongroom_documents", lib.strongroom_documents_free) as out:
            with self._native as session:
                call(lib.strongroom_documents_get, _pointer(session), text(name, "the name"), out)
            return _document(out[0], 0)[1]

    def put_policy(self, name: str, policy: str) -> int:
        """Stores a policy document, and returns the revision of all. One that does not compile changes nothing."""
        encoded = ffi.from_buffer(text(policy, "a policy"))
        out = ffi.new("uint64_t*")
        with self._native as session:
            call(lib.strongroom_documents_put, _pointer(session), text(name, "the name"), _bytes(encoded),
                 len(encoded), ffi.NULL, out)
        return int(out[0])

    def delete_policy(self, name: str) -> None:
        """Deletes a policy document."""
        with self._native as session:
            call(lib.strongroom_documents_delete, _pointer(session), text(name, "the name"), 0)

    # ---- the seal

    def unseal(self, *credentials: str | bytes | Secret, lift_lock: bool = False) -> None:
        """Loads the keys into this open store: by one key, or by as many shares as are needed.

        lift_lock  also removes the lock of seal(everywhere=True), for every process.
        """
        given = [ffi.from_buffer(each.encode() if isinstance(each, str) else each) for each in credentials]
        array = ffi.new("strongroom_bytes[]", [{"data": _bytes(each), "len": len(each)} for each in given])
        flags = lib.STRONGROOM_UNSEAL_LIFT_LOCK if lift_lock else 0
        with self._native as session:
            call(lib.strongroom_unseal, _pointer(session), array, len(given), flags)

    def unseal_with_key_file(self, path: str | os.PathLike[str], *, lift_lock: bool = False) -> None:
        """Loads the keys by a key file, which only its owner may be able to read."""
        flags = lib.STRONGROOM_UNSEAL_LIFT_LOCK if lift_lock else 0
        with key_files.KeyFile(path) as key, self._native as session:
            call(lib.strongroom_unseal, _pointer(session), key, 1, flags)

    def seal(self, *, everywhere: bool = False) -> None:
        """Wipes the keys of this open store. everywhere: locks the store for every process."""
        scope = lib.STRONGROOM_SEAL_EVERYWHERE if everywhere else lib.STRONGROOM_SEAL_PROCESS
        with self._native as session:
            call(lib.strongroom_seal, _pointer(session), scope)

    def rotate(self, *, root_key: bool = False) -> None:
        """Makes a new data key; root_key: a new root key as well. Credentials stay the same."""
        keys = lib.STRONGROOM_ROTATE_ROOT_KEY if root_key else lib.STRONGROOM_ROTATE_DATA_KEY
        with self._native as session:
            call(lib.strongroom_rotate, _pointer(session), keys)

    def change_slots(self, *, key_file: str | os.PathLike[str] | None = None, shares: int = 0, threshold: int = 0,
                     remove: Iterable[int] = (), keep_keys: bool = False) -> List[Secret]:
        """Adds ways to unseal, and removes others, in one commit. Returns new shares: text in locked memory.

        key_file   is written with a new key. shares and threshold make new shares.
        remove     ids of slots. Removing one makes new keys, unless keep_keys is set.
        """
        ids = ffi.new("uint32_t[]", list(remove))
        options = struct("strongroom_slots_options", key=int(key_file is not None), shares=shares, threshold=threshold,
                         remove=ids, num_remove=len(ids), keep_keys=int(keep_keys))
        return self._change(lib.strongroom_slots_prepare, lib.strongroom_slots_activate, options, key_file)

    def _change(self, prepare: Any, activate: Any, options: Any, key_file: str | os.PathLike[str] | None) -> List[Secret]:
        """Prepares new credentials, hands them out, and activates them."""
        with Handle("strongroom_pending", lib.strongroom_pending_free) as pending, self._native as session:
            call(prepare, _pointer(session), options, pending)
            found = _hand_out(pending[0], key_file)
            try:
                call(activate, _pointer(session), pending[0])
            except IndeterminateError:
                raise  # it may have happened: its key must stay
            except BaseException:
                if key_file is not None:
                    os.unlink(key_file)
                raise
        return found

    # ---- backups

    def backup(self, file: BinaryIO, *, progress: streams.Progress | None = None) -> streams.Backup:
        """Writes the store, as it is at one point in time, into a binary file. What was written before a failure is no backup.

        progress  is called with the numbers of records and bytes so far; what it raises ends the work.
        """
        with self._native as session:
            return streams.run(lib.strongroom_backup, file, progress, _pointer(session), lib.strongroom_py_write)

    def restore(self, file: BinaryIO, *, progress: streams.Progress | None = None) -> streams.Backup:
        """Puts a backup into a storage without a store. After a failure there is no store: restore again."""
        with self._native as session:
            return streams.run(lib.strongroom_restore, file, progress, _pointer(session), lib.strongroom_py_read)

    # ---- the end

    def close(self) -> None:
        """Ends the session, once calls of other threads that use it have returned."""
        self._native.close()

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


class Store(Session):
    """An open store, as a session that may do everything. open() makes it."""

    def __init__(self, url: str, timeout: float | None = None) -> None:
        timeout_ms = 0 if timeout is None else max(1, min(int(timeout * 1000), 0xFFFFFFFF))
        options = struct("strongroom_store_options", timeout_ms=timeout_ms)
        out = ffi.new("strongroom_store**")
        call(lib.strongroom_store_open, text(url, "the url"), options, out)
        self._store = ffi.gc(out[0], lib.strongroom_store_free)
        session = ffi.new("strongroom_session**")
        call(lib.strongroom_session_trusted, self._store, session)
        super().__init__(_address(session))

    def as_(self, identity: Identity | str) -> Session:
        """Returns a session of an identity, which the policy decides about; a str is the id of a user."""
        if isinstance(identity, str):
            identity = Identity(identity)
        keep: list[Any] = []
        out = ffi.new("strongroom_session**")
        with self._native:
            call(lib.strongroom_session_open, self._store, identity._struct(keep), out)
        return Session(_address(out))

    def init(self, *, key_file: str | os.PathLike[str] | None = None, shares: int = 0, threshold: int = 0,
             max_secret_len: int = 0) -> list[Secret]:
        """Makes a new store, which is sealed then, and returns its shares: text in locked memory.

        key_file   is written with a key that opens the store. shares and threshold make shares that do.
        """
        options = struct("strongroom_init_options", key=int(key_file is not None), shares=shares,
                         threshold=threshold, max_secret_len=max_secret_len)
        return self._change(lib.strongroom_init_prepare, lib.strongroom_init_activate, options, key_file)

    @property
    def slots(self) -> List[Slot]:
        """The ways to unseal the store."""
        with Handle("strongroom_report", lib.strongroom_report_free) as report, self._native:
            call(lib.strongroom_store_status, self._store, report)
            info = struct("strongroom_report_info")
            call(lib.strongroom_report_describe, report[0], info)
            slot = struct("strongroom_slot")
            found = []
            for index in range(info.num_slots):
                call(lib.strongroom_report_slot, report[0], index, slot)
                kind = _SLOTS[slot.kind] if slot.kind < len(_SLOTS) else "unknown"
                found.append(Slot(slot.id, kind, slot.threshold, slot.shares, slot.created_ms / 1000, bool(slot.damaged)))
            return found

    @property
    def status(self) -> Status:
        """What can be seen without keys."""
        with Handle("strongroom_report", lib.strongroom_report_free) as report, self._native:
            call(lib.strongroom_store_status, self._store, report)
            info = struct("strongroom_report_info")
            call(lib.strongroom_report_describe, report[0], info)
            reason = _REASONS[info.reason] if info.reason < len(_REASONS) else "unknown"
            return Status(url=ffi.string(info.url).decode(errors="replace"),
                          store_id=ffi.string(info.store_id).decode(), initialized=bool(info.initialized),
                          sealed=bool(info.sealed), reason=reason, locked=bool(info.locked),
                          generation=info.generation, max_secret_len=info.max_secret_len,
                          progress=info.unseal_progress, threshold=info.unseal_threshold, shares=info.unseal_shares)

    def doctor(self) -> list[Finding]:
        """Examines this process, its machine, the storage and the store, and repairs nothing."""
        with Handle("strongroom_findings", lib.strongroom_findings_free) as out, self._native:
            call(lib.strongroom_doctor, self._store, ffi.NULL, 0, out)
            finding = struct("strongroom_finding")
            found = []
            for index in range(lib.strongroom_findings_size(out[0])):
                call(lib.strongroom_findings_at, out[0], index, finding)
                level = _LEVELS[finding.level] if finding.level < len(_LEVELS) else "unknown"
                found.append(Finding(level, *(ffi.string(each).decode(errors="replace")
                                              for each in (finding.check, finding.what, finding.advice))))
            return found

    @property
    def sealed(self) -> bool:
        """Whether this open store has no keys."""
        return self.status.sealed


def open(url: str, *, key_file: str | os.PathLike[str] | None = None,  # noqa: A001  (as in io.open)
         key: str | bytes | Secret | None = None, shares: Iterable[str | bytes | Secret] = (), create: bool = False,
         timeout: float | None = None) -> Store:
    """Opens a store, and unseals it where a credential is given.

    url       "lmdb:/absolute/directory", "zk://host:port,host:port/root", or "memory:".
    key_file  a file with a key of the store, which only its owner may be able to read.
    key       the text of such a key; shares: the texts of as many shares as are needed.
    create    makes the store where there is none, with the folders above it, and writes its key into key_file.
    timeout   of each call to the storage, in seconds; 10 if it is not given.
    """
    if create and key_file is None:
        raise InvalidError("create needs a key_file for the key of the new store")
    if create and url.startswith("lmdb:/"):
        os.makedirs(os.path.dirname(url[len("lmdb:"):].rstrip("/")) or "/", mode=0o700, exist_ok=True)
    store = Store(url, timeout)
    try:
        if create and not store.status.initialized:
            assert key_file is not None
            store.init(key_file=key_file)
        _unseal(store, key_file, key, list(shares))
    except BaseException:
        store.close()
        raise
    return store


def _unseal(store: Store, key_file: str | os.PathLike[str] | None, key: str | bytes | Secret | None,
            shares: list[str | bytes | Secret]) -> None:
    if key_file is not None:
        if not store.status.initialized:
            raise NotInitializedError("there is no store yet; open it with create=True to make one")
        store.unseal_with_key_file(key_file)
    elif key is not None:
        store.unseal(key)
    elif shares:
        store.unseal(*shares)


def _hand_out(pending: Any, key_file: str | os.PathLike[str] | None) -> list[Secret]:
    info = struct("strongroom_pending_info")
    call(lib.strongroom_pending_describe, pending, info)
    shares = []
    for index in range(info.num_credentials):
        credential = struct("strongroom_credential")
        call(lib.strongroom_pending_at, pending, index, credential)
        if credential.kind == lib.STRONGROOM_CREDENTIAL_KEY:
            assert key_file is not None
            key_files.write(key_file, credential)
        else:
            shares.append(_copy(credential.data, credential.len))
    return shares


def _document(documents: Any, index: int) -> tuple[str, str]:
    document = struct("strongroom_document")
    call(lib.strongroom_documents_at, documents, index, document)
    shown = b"" if document.text == ffi.NULL else ffi.buffer(document.text, document.text_len)[:]
    return ffi.string(document.name).decode(), shown.decode(errors="replace")


def _copy(data: Any, size: int) -> Secret:
    out = ffi.new("strongroom_secret**")
    call(lib.strongroom_secret_new, size, out)
    ffi.memmove(lib.strongroom_secret_writable(out[0]), data, size)
    return _secret(out)


def _revision(revision: int) -> int:
    if not 0 <= revision < 1 << 64:
        raise InvalidError("a revision is a number from 0")
    return revision


def _bytes(data: Any) -> Any:
    return ffi.cast("void*", data)


def _address(out: Any) -> int:
    return int(ffi.cast("uintptr_t", out[0]))


def _pointer(session: int) -> Any:
    return ffi.cast("strongroom_session*", session)


def _secret(out: Any) -> Secret:
    return _native.make_secret(_address(out))


os.register_at_fork(after_in_child=_native.wipe_all)
