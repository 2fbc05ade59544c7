"""Slots, backups, and messages of Mesos."""
import io
import json

import pytest

import strongroom


def test_slots(place, store):
    store["a"] = "x"
    first, = store.slots
    assert (first.kind, first.shares, first.damaged) == ("key", 0, False)
    shares = store.change_slots(shares=3, threshold=2)
    assert len(shares) == 3 and [each.kind for each in store.slots] == ["key", "shares"]
    new_key = place.key_file + "-new"
    assert store.change_slots(key_file=new_key, remove=[first.id]) == []
    with pytest.raises(PermissionError):
        strongroom.open(place.url, key_file=place.key_file)
    with strongroom.open(place.url, key_file=new_key) as other:
        assert other["a"] == "x"
    with strongroom.open(place.url, shares=shares[:2]) as other:
        assert other["a"] == "x"
    with pytest.raises(ValueError):
        store.change_slots(remove=[each.id for each in store.slots])
    with pytest.raises(KeyError):
        store.change_slots(remove=[999])
    with pytest.raises(FileExistsError):
        store.change_slots(key_file=new_key)
    with strongroom.open(place.url, key_file=new_key) as other:
        assert other["a"] == "x"


def test_backup_and_restore(place, store, tmp_path):
    for number in range(200):
        store[f"a/{number}"] = str(number)
    seen = []
    kept = io.BytesIO()
    made = store.backup(kept, progress=lambda records, size: seen.append((records, size)))
    assert seen and seen == sorted(seen)
    assert made.store_id == store.status.store_id and made.num_records >= 200 and made.size == len(kept.getvalue())
    assert b"a/1" not in kept.getvalue()
    kept.seek(0)
    assert strongroom.backup_verify(kept) == made
    kept.seek(0)
    with strongroom.open(f"lmdb:{tmp_path}/other") as other:
        other.restore(kept)
        other.unseal_with_key_file(place.key_file)
        assert other["a/7"] == "7" and len(list(other)) == 200
        kept.seek(0)
        with pytest.raises(FileExistsError):
            other.restore(kept)


class Broken(io.RawIOBase):
    """Fails after so many calls."""

    def __init__(self, calls, content=b""):
        super().__init__()
        self.calls, self.content = calls, io.BytesIO(content)

    def fail(self):
        self.calls -= 1
        if self.calls < 0:
            raise ZeroDivisionError("mine")

    def write(self, data):
        self.fail()
        return max(1, len(data) // 2)

    def read(self, size=-1):
        self.fail()
        return self.content.read(min(size, 100))


def test_what_a_callback_raises_is_raised(store, tmp_path):
    store["a"] = "x"
    kept = io.BytesIO()
    store.backup(kept)
    for calls in range(3):
        with pytest.raises(ZeroDivisionError, match="mine"):
            store.backup(Broken(calls))
        with pytest.raises(ZeroDivisionError, match="mine"):
            strongroom.backup_verify(Broken(calls, kept.getvalue()))
    assert strongroom.backup_verify(Broken(10**6, kept.getvalue())).size == len(kept.getvalue())

    def interrupt(records, size):
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        store.backup(io.BytesIO(), progress=interrupt)
    assert store["a"] == "x"


@pytest.mark.parametrize("cut", [0, 1, 50, -1])
def test_a_damaged_backup(store, cut):
    store["a"] = "x"
    kept = io.BytesIO()
    store.backup(kept)
    whole = kept.getvalue()
    with pytest.raises(strongroom.Error):
        strongroom.backup_verify(io.BytesIO(whole[:cut]))
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    with pytest.raises(strongroom.Error):
        strongroom.backup_verify(io.BytesIO(changed))


class Lies:
    """Not a file."""

    def __init__(self, piece):
        self.piece = piece

    def read(self, size):
        return self.piece(size)


@pytest.mark.parametrize("piece", [lambda size: b"x" * (size + 1), lambda size: "text", lambda size: None, lambda size: 5])
def test_a_file_that_reads_nonsense(piece):
    with pytest.raises((TypeError, ValueError, strongroom.Error)):
        strongroom.backup_verify(Lies(piece))


@pytest.mark.parametrize("written", [None, 0, -1, 1 << 30, "1"])
def test_a_file_that_writes_nonsense(store, written):
    class File:
        def write(self, data):
            return written
    with pytest.raises(ValueError, match="returned"):
        store.backup(File())


def test_messages_of_mesos(store):
    store["my/secret"] = '{"username":"my-user"}'
    value = {"type": "VALUE", "value": {"data": "eA=="}}
    reference = {"type": "REFERENCE", "reference": {"name": "/my/secret", "key": "username"}}
    assert store.resolve(reference) == "my-user"
    assert store.resolve(json.dumps(reference)) == b"my-user"
    assert store.resolve(value) == b"x"
    assert [bytes(each) for each in store.resolve_many([value, reference])] == [b"x", b"my-user"]
    assert store.resolve_many([]) == []
    for wrong in ({}, "nonsense", b"\xff", {"type": "REFERENCE"}):
        with pytest.raises(ValueError):
            store.resolve(wrong)
    with pytest.raises(KeyError):
        store.resolve_many([value, {"type": "REFERENCE", "reference": {"name": "none"}}])
