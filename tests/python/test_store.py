"""Stores and sessions: what each call promises, and what it does with bad input."""
import os
import stat
import subprocess
import sys
import threading
import time

import pytest

import strongroom


def test_the_promised_program(tmp_path):
    url, key_file = f"lmdb:{tmp_path}/srv/app/store", f"{tmp_path}/srv/app/key"
    with strongroom.open(url, key_file=key_file, create=True) as s:
        s["a/b"] = b"v"
        assert bytes(s["a/b"]) == b"v"
    assert stat.S_IMODE(os.stat(key_file).st_mode) == 0o600
    with strongroom.open(url, key_file=key_file, create=True) as s:  # the second time it opens what there is
        assert bytes(s["a/b"]) == b"v"


def test_mapping(store):
    store["db/password"], store["db/user"], store["top"] = "swordfish", b"\x00", memoryview(b"x")
    assert "top" in store and "db" not in store and "none" not in store
    assert list(store) == ["db/password", "db/user", "top"]
    assert store.list() == ["db/", "top"] and store.list("db") == ["password", "user"]
    assert store.list("none") == []
    assert store.list(recursive=True) == list(store)
    del store["top"]
    with pytest.raises(KeyError):
        del store["top"]
    with pytest.raises(KeyError) as caught:
        store["top"]
    assert isinstance(caught.value, strongroom.NotFoundError) and str(caught.value).startswith("there is no secret")


def test_a_secret_can_be_put_as_a_value(store):
    store["text"], store["bytes"] = "t", b"b"
    for path in ("text", "bytes"):
        with store[path] as secret:
            store["copy"] = secret
            assert store["copy"].is_text is secret.is_text and store["copy"] == secret


def test_revisions(store):
    assert store.put("a", "1") == 1 and store.put("a", "2") == 2
    assert store["a"].revision == 2
    assert store.put("a", "3", revision=2) == 3
    with pytest.raises(strongroom.ConflictError):
        store.put("a", "4", revision=2)
    with pytest.raises(FileExistsError):
        store.create("a", "x")
    with pytest.raises(strongroom.AlreadyExistsError):
        store.put("a", "x", revision=0)
    with pytest.raises(KeyError):
        store.update("b", "x")
    with pytest.raises(strongroom.ConflictError):
        store.delete("a", revision=1)
    assert store.delete("a", revision=3) == 4
    assert store.put("a", "x", revision=0) == 5
    secret = store["a"]
    assert abs(secret.changed - time.time()) < 60 and secret.created <= secret.changed and secret.stale == 0


def test_one_winner_of_many(store):
    barrier, won = threading.Barrier(8), []

    def race(number):
        barrier.wait()
        try:
            store.create("race", str(number))
            won.append(number)
        except strongroom.AlreadyExistsError:
            pass
    threads = [threading.Thread(target=race, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(won) == 1 and store["race"] == str(won[0])


def test_a_member_of_json(store):
    store["json"] = '{"username":"my-user","n":5}'
    assert store.get("json", key="username") == "my-user"
    assert store.get("json", key="username", fresh=True).is_text
    with pytest.raises(KeyError):
        store.get("json", key="none")
    with pytest.raises(ValueError):
        store.get("json", key="n")


def test_get_many(store):
    for number in range(100):
        store[f"many/{number}"] = str(number)
    found = store.get_many([f"many/{number}" for number in range(100)] + ["none"])
    assert [each.reveal() for each in found[:100]] == [str(number) for number in range(100)]
    assert isinstance(found[100], strongroom.NotFoundError)
    assert found[5].revision == 1 and found[5].is_text
    found[5].release()
    assert found[6] == "6"
    assert store.get_many([]) == []
    with pytest.raises(strongroom.TooLargeError):
        store.get_many(["a"] * 1001)
    with pytest.raises(TypeError):
        store.get_many(["a", 5])


BAD_PATHS = ["", "/", "a//b", "a/", "..", "a/../b", "a\0b", "\ud800", "a\nb", "x" * 256, "/".join("a" * 65)]


@pytest.mark.parametrize("path", BAD_PATHS)
def test_bad_paths(store, path):
    for use in (lambda: store[path], lambda: store.put(path, "x"), lambda: store.delete(path), lambda: path in store,
                lambda: store.get_many([path]), lambda: store.get(path, fresh=True)):
        with pytest.raises(ValueError) as caught:
            use()
        assert isinstance(caught.value, strongroom.Error)
    assert list(store) == []


@pytest.mark.parametrize("wrong", [None, 5, b"a", ["a"], object()])
def test_wrong_types(store, wrong):
    for use in (lambda: store[wrong], lambda: store.put(wrong, "x"), lambda: store.list(wrong),
                lambda: store.as_(wrong)):
        with pytest.raises((TypeError, AttributeError)):
            use()
    if not isinstance(wrong, bytes):
        with pytest.raises(TypeError):
            store["a"] = wrong
    assert list(store) == []


def test_bad_values(store):
    with pytest.raises(ValueError):
        store["a"] = "\ud800"
    with pytest.raises(ValueError) as caught:
        store["a"] = bytes((1 << 20) + 1)
    assert isinstance(caught.value, strongroom.TooLargeError)
    store["a"] = bytes(1 << 20)
    assert len(store["a"]) == 1 << 20
    with pytest.raises((ValueError, BufferError)):
        store["b"] = memoryview(b"abcdef")[::2]
    for revision in (-1, 1 << 64):
        with pytest.raises(ValueError):
            store.put("a", "x", revision=revision)


def test_a_closed_store(place):
    store = place.open(create=True)
    store["a"] = "x"
    other = store.as_("bob")
    kept = store["a"]
    store.close()
    store.close()
    for use in (lambda: store["a"], lambda: store.put("a", "y"), lambda: list(store), lambda: store.status,
                lambda: store.get("a", fresh=True), lambda: store.get_many(["a"]), lambda: store.as_("x"), store.doctor):
        with pytest.raises(ValueError, match="closed"):
            use()
    assert kept == "x"  # stands on its own
    with pytest.raises(PermissionError):
        other["a"]


def test_close_waits_for_no_call_and_breaks_none(place):
    for _ in range(20):
        store = place.open(create=True)
        store["a"] = "x"
        begun, wrong = threading.Event(), []

        def read():
            try:
                while True:
                    begun.set()
                    if store["a"] != "x":
                        wrong.append("value")
            except ValueError:
                pass
        threads = [threading.Thread(target=read) for _ in range(3)]
        for each in threads:
            each.start()
        begun.wait()
        store.close()
        for each in threads:
            each.join()
        assert wrong == []


def test_seal_and_unseal(place, store):
    store["a"] = "x"
    store.seal()
    assert store.sealed and store.status.reason == "sealed here"
    with pytest.raises(strongroom.SealedError):
        store["a"]
    with pytest.raises(PermissionError):
        store.unseal("0" * 114) if False else store.unseal(other_key(place))
    store.unseal_with_key_file(place.key_file)
    assert store["a"] == "x" and not store.sealed
    store.seal(everywhere=True)
    with pytest.raises(strongroom.SealedError):
        store.unseal_with_key_file(place.key_file)
    store.unseal_with_key_file(place.key_file, lift_lock=True)
    store.rotate()
    store.rotate(root_key=True)
    assert store["a"] == "x"


def other_key(place):
    """The key of another store."""
    other = place.key_file + "-other"
    strongroom.open("memory:", key_file=other, create=True).close()
    with open(other, encoding="ascii") as file:
        return file.read().strip()


def test_shares(tmp_path):
    url = f"lmdb:{tmp_path}/store"
    with strongroom.open(url) as store:
        shares = store.init(shares=3, threshold=2)
        assert len(shares) == 3 and store.sealed and all(isinstance(each, strongroom.Secret) for each in shares)
        with pytest.raises(PermissionError):
            store.unseal(shares[0])
        store.unseal(shares[2], shares[0])
        store["a"] = "x"
        with pytest.raises(strongroom.AlreadyExistsError):
            store.init(shares=1, threshold=1)
        texts = [bytes(each) for each in shares]
    with strongroom.open(url, shares=texts[:2]) as store:
        assert store["a"] == "x"


def test_key_files(place, store):
    store.close()
    os.chmod(place.key_file, 0o644)
    with pytest.raises(PermissionError, match="chmod 600"):
        place.open()
    os.chmod(place.key_file, 0o600)
    with open(place.key_file, "w", encoding="ascii") as file:
        file.write("no key")
    with pytest.raises(ValueError):
        place.open()
    with pytest.raises(FileNotFoundError):
        strongroom.open(place.url, key_file=place.key_file + "x")
    with pytest.raises(ValueError):
        strongroom.open(place.url, key_file=os.path.dirname(place.key_file))
    os.mkfifo(place.key_file + "-pipe")
    with pytest.raises(ValueError):
        strongroom.open(place.url, key_file=place.key_file + "-pipe")


def test_create_leaves_a_key_that_is_there_alone(place):
    with open(place.key_file, "w", encoding="ascii") as file:
        file.write("precious")
    with pytest.raises(FileExistsError, match="move it away"):
        place.open(create=True)
    with open(place.key_file, encoding="ascii") as file:
        assert file.read() == "precious"
    with strongroom.open(place.url) as store:
        assert not store.status.initialized


def test_open_says_what_is_missing(place, tmp_path):
    with pytest.raises(strongroom.NotInitializedError, match="create=True"):
        strongroom.open(f"lmdb:{tmp_path}/none", key_file=place.key_file)
    for url in ("", "x:", "lmdb:relative", "lmdb:/a\0b"):
        with pytest.raises(ValueError):
            strongroom.open(url)
    with pytest.raises(ValueError, match="key_file"):
        strongroom.open(place.url, create=True)
    with pytest.raises(TypeError):
        strongroom.open(5)


def test_policies(store):
    store["app/a"], store["other"] = "x", "y"
    assert store.policies() == []
    assert store.put_policy("dcos", "[user:bob]\ndcos:secrets:default:/app/* read\n") == 1
    assert store.policies() == ["dcos"] and "app/*" in store.policy("dcos")
    with store.as_("bob") as bob:
        assert bob["app/a"] == "x"
        for use in (lambda: bob["other"], lambda: bob["none"], lambda: "other" in bob, lambda: bob.put("app/a", "z"),
                    bob.list, lambda: bob.put_policy("x", "")):
            with pytest.raises(PermissionError):
                use()
        assert isinstance(bob.list("", visible=True), list)
    with pytest.raises(ValueError):
        store.put_policy("dcos", "nonsense {")
    assert "app/*" in store.policy("dcos")
    store.delete_policy("dcos")
    with pytest.raises(KeyError):
        store.policy("dcos")
    identity = strongroom.Identity("web", "service", space="/app", groups=["a", "b"])
    with store.as_(identity) as web, pytest.raises(PermissionError):
        web["app/a"]
    with pytest.raises(ValueError):
        store.as_(strongroom.Identity("", "user"))


def test_watch(store):
    with store.watch("a") as watch:
        assert watch.next() == []
        store["a/b"], store["c"] = "x", "y"
        assert watch.next(10) == [strongroom.Change("a/b", "changed", 1)]
        del store["a/b"]
        assert watch.next(10) == [strongroom.Change("a/b", "deleted", 2)]
    with pytest.raises((ValueError, TypeError, strongroom.Error)):
        watch.next()


def test_doctor_and_status(place, store):
    assert {each.level for each in store.doctor()} <= {"good", "note", "warning", "danger"}
    status = store.status
    assert status.url == place.url and status.initialized and not status.sealed and len(status.store_id) == 32


def test_other_threads_run_while_a_call_waits(store):
    """A watch waits a second; a counter of another thread goes on meanwhile."""
    count, over = [0], threading.Event()

    def work():
        while not over.is_set():
            count[0] += 1
            time.sleep(0.001)
    thread = threading.Thread(target=work)
    thread.start()
    with store.watch() as watch:
        before = count[0]
        watch.next(0.5)
        assert count[0] - before > 50
    over.set()
    thread.join()


@pytest.mark.parametrize("end", ["", "del store", "sys.exit(3)", "raise KeyError", "os._exit(0)",
                                 "threading.Thread(target=lambda: [store['a'] for _ in iter(int, 1)], daemon=True).start()"])
def test_the_interpreter_ends_with_an_open_store(place, end):
    done = subprocess.run([sys.executable, "-X", "dev", "-c", f"""
import os, sys, threading, strongroom
store = strongroom.open({place.url!r}, key_file={place.key_file!r}, create=True)
store["a"] = "x"
secret, view = store["a"], memoryview(store["a"])
watch = store.watch()
{end}
"""], capture_output=True, timeout=60, check=False)
    assert done.returncode in (0, 1, 3), done
    assert b"Fatal" not in done.stderr and b"Segmentation" not in done.stderr, done
