"""asyncio: answers come through the descriptor of a queue, so that no thread of the program waits.

Each event loop has a queue of its own. The library has at most one thread for them all; over LMDB a read is done at once.
"""
from __future__ import annotations

import asyncio
import weakref
from typing import Any

from . import _native
from ._call import call, struct
from ._ffi import ffi, lib
from .errors import error_of

# Calls under way of one loop: the library takes 4,096 for a store. More wait for their turn.
MAX_CALLS = 4000
_AT_ONCE = 64

_answers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Answers] = weakref.WeakKeyDictionary()


class Answers:
    """The calls of one event loop that are under way, by number."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        out = ffi.new("strongroom_queue**")
        call(lib.strongroom_queue_new, out)
        self._queue = ffi.gc(out[0], lib.strongroom_queue_free)
        self._fd: int = lib.strongroom_queue_fd(self._queue)
        self._loop = weakref.ref(loop)
        self._futures: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self._room = asyncio.Semaphore(MAX_CALLS)
        self._done = ffi.new("strongroom_completion[]", _AT_ONCE)
        self._num = ffi.new("size_t*")

    async def ask(self, function: Any, *args: Any) -> Any:
        """Calls function(queue, *args, user_data, error), and returns what its completion has."""
        await self._room.acquire()
        loop = asyncio.get_running_loop()
        self._number += 1
        number = self._number
        try:
            call(function, self._queue, *args, ffi.cast("void*", number))
        except BaseException:
            self._room.release()
            raise
        future = loop.create_future()
        if not self._futures:
            loop.add_reader(self._fd, self._take)
        self._futures[number] = future
        return await future

    def _take(self) -> None:
        self._done[0].struct_size = ffi.sizeof("strongroom_completion")
        call(lib.strongroom_queue_next, self._queue, self._done, _AT_ONCE, self._num)
        for index in range(self._num[0]):
            self._settle(self._done[index])
        loop = self._loop()
        if not self._futures and loop is not None:
            loop.remove_reader(self._fd)

    def _settle(self, done: Any) -> None:
        self._room.release()  # only now, also if the call was cancelled: the library had it until here
        future = self._futures.pop(int(ffi.cast("uintptr_t", done.user_data)), None)
        is_wanted = future is not None and not future.done()
        if done.status != lib.STRONGROOM_OK:
            if is_wanted:
                assert future is not None
                future.set_exception(error_of(done.status, _message(done.error)))
            lib.strongroom_error_free(done.error)
        elif done.kind == lib.STRONGROOM_COMPLETION_GET:
            secret = _native.make_secret(int(ffi.cast("uintptr_t", done.secret)))
            if is_wanted:
                assert future is not None
                future.set_result(secret)
            else:
                secret.release()
        else:
            events = ffi.gc(done.events, lib.strongroom_events_free)
            if is_wanted:
                assert future is not None
                future.set_result(events)


def _message(error: Any) -> str:
    if error == ffi.NULL:
        return "there was no memory"
    return str(ffi.string(lib.strongroom_error_message(error)).decode(errors="replace"))


def answers() -> Answers:
    """Returns the answers of the running event loop."""
    loop = asyncio.get_running_loop()
    found = _answers.get(loop)
    if found is None:
        found = _answers[loop] = Answers(loop)
    return found


def get_options(key: Any, fresh: bool) -> Any:
    """Returns options for strongroom_queue_get, which copies them."""
    return struct("strongroom_get_options", key=ffi.NULL if key is None else key, fresh=int(fresh))
