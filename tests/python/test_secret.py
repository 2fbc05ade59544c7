"""Secret: it is shown without a copy, wiped when it should be, and never copied by accident."""
import copy
import ctypes
import gc
import os
import pickle
import sys
import threading
import traceback

import pytest

import strongroom


def test_a_view_shows_the_bytes_without_a_copy(store):
    store["a"] = b"\x00value\xff"
    with store["a"] as secret:
        view = memoryview(secret)
        assert view == b"\x00value\xff" and view.readonly and view.nbytes == len(secret) == 7
        with pytest.raises(TypeError):
            view[0] = 1
        with pytest.raises(BufferError):
            secret.release()
        assert view == b"\x00value\xff"
        view.release()
    assert secret.released


def test_a_released_secret_shows_nothing(store):
    store["a"] = "text"
    secret = store["a"]
    secret.release()
    secret.release()
    for use in (lambda: memoryview(secret), lambda: bytes(secret), secret.reveal, lambda: len(secret),
                lambda: secret == "text", secret.__enter__):
        with pytest.raises(ValueError, match="released"):
            use()


def test_reveal_is_what_was_stored(store):
    for value in ("text", "", "\u00e4\x00b", b"bytes", b"", b"\xff\x00"):
        store["a"] = value
        with store["a"] as secret:
            assert secret.reveal() == value and type(secret.reveal()) is type(value)
            assert secret.is_text is isinstance(value, str)
            assert bytes(secret) == (value.encode() if isinstance(value, str) else value)


def test_equality(store):
    store["a"], store["b"], store["c"] = "same", b"same", b"other"
    a, b, c = store["a"], store["b"], store["c"]
    assert a == b == "same" == a and a == b"same" and a == bytearray(b"same") and a == memoryview(b"same")
    assert a != c and a != "Same" and a != b"sam" and a != "\ud800" and a != 5 and a != None  # noqa: E711
    assert not a != b and not a == c
    with pytest.raises(TypeError):
        hash(a)
    with pytest.raises(TypeError):
        a < b


def test_no_way_to_copy_or_show_it_by_accident(store):
    store["a"] = "canary"
    secret = store["a"]
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret!r}", "%s" % secret):
        assert "canary" not in shown
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps, lambda each: pickle.dumps(each, 0), type,
                    lambda each: type(each)(), lambda each: each.__reduce__()):
        if attempt is type:
            continue
        with pytest.raises(TypeError):
            attempt(secret)
    with pytest.raises(TypeError):
        class Derived(strongroom.Secret):
            pass
    with pytest.raises((TypeError, AttributeError)):
        strongroom.Secret.reveal = lambda self: "other"
    with pytest.raises(AttributeError):
        secret.attribute = 1


def buffer_pointer(view):
    class Buffer(ctypes.Structure):
        _fields_ = [("buf", ctypes.c_void_p), ("obj", ctypes.py_object), ("len", ctypes.c_ssize_t),
                    ("itemsize", ctypes.c_ssize_t), ("readonly", ctypes.c_int), ("ndim", ctypes.c_int),
                    ("format", ctypes.c_char_p), ("shape", ctypes.c_void_p), ("strides", ctypes.c_void_p),
                    ("suboffsets", ctypes.c_void_p), ("internal", ctypes.c_void_p)]
    buffer = Buffer()
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(view), ctypes.byref(buffer), 0)
    address = buffer.buf
    ctypes.pythonapi.PyBuffer_Release(ctypes.byref(buffer))
    return address


@pytest.mark.parametrize("end", ["release", "collect", "with", "cycle"])
def test_it_is_wiped(store, end):
    store["a"] = b"canary-in-memory"
    secret = store["a"]
    address = buffer_pointer(secret)
    assert ctypes.string_at(address, 16) == b"canary-in-memory"
    if end == "release":
        secret.release()
    elif end == "with":
        with secret:
            pass
    elif end == "cycle":
        cycle = [secret]
        cycle.append(cycle)
        del cycle
    del secret
    gc.collect()
    assert b"canary" not in ctypes.string_at(address, 16)


def test_a_released_canary_is_nowhere_in_the_process(store):
    begin, end = os.urandom(8).hex(), os.urandom(8).hex()
    # It must not be joined in this process, so another one stores it.
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, (begin + end).encode())
        os._exit(0)
    os.waitpid(child, 0)
    value = bytearray(len(begin) + len(end))
    os.readv(read, [value])
    os.close(read)
    os.close(write)
    store["a"] = value
    value[:] = bytes(len(value))
    with store["a"] as secret:
        assert places_of(begin, end) >= 1
        assert memoryview(secret).nbytes == 32
    assert places_of(begin, end) == 0


def places_of(begin, end):
    """How often begin + end is in the writable memory of this process."""
    found = 0
    with open("/proc/self/maps", encoding="ascii") as maps, open("/proc/self/mem", "rb", buffering=0) as memory:
        for line in maps:
            if " rw" not in line or "[v" in line:
                continue
            start, stop = (int(each, 16) for each in line.split()[0].split("-"))
            for at in range(start, stop, 1 << 20):
                size = min(1 << 20, stop - at) + 64
                try:
                    piece = os.pread(memory.fileno(), size, at)
                except OSError:
                    continue
                position = piece.find(begin.encode())
                while position >= 0 and position < (1 << 20):
                    found += piece[position + len(begin):position + len(begin) + len(end)] == end.encode()
                    position = piece.find(begin.encode(), position + 1)
    return found


def test_a_child_has_no_secrets_and_no_store(store):
    store["a"] = b"canary"
    secret, shown = store["a"], store["a"]
    view = memoryview(shown)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            assert secret.released
            assert view == b"canary"  # a view that the child inherited stays what it was
            with pytest.raises(strongroom.SealedError):
                store["a"]
            secret.release()
            view.release()
            shown.release()
            store.close()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert bytes(secret) == b"canary" and not secret.released


def test_threads_release_and_look_at_once(store):
    store["a"] = b"x" * 100
    wrong = []

    def work():
        for _ in range(300):
            secret = shared[0]
            try:
                with memoryview(secret) as view:
                    if bytes(view) != b"x" * 100:
                        wrong.append(bytes(view))
            except ValueError:
                pass
            try:
                secret.release()
                shared[0] = store["a"]
            except BufferError:
                pass
    shared = [store["a"]]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []
