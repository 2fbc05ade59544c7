"""asyncio: thousands of reads at once, watches, cancellation; no thread of the program waits."""
import asyncio
import gc
import threading

import pytest

import strongroom


def test_aget(store):
    store["a"], store["json"] = b"x", '{"k":"v"}'

    async def main():
        assert await store.aget("a") == b"x"
        assert await store.aget("json", key="k", fresh=True) == "v"
        with pytest.raises(KeyError):
            await store.aget("none")
        with pytest.raises(ValueError):
            await store.aget("a//b")
        with pytest.raises(TypeError):
            await store.aget(5)
        store.seal()
        with pytest.raises(strongroom.SealedError):
            await store.aget("a")
    asyncio.run(main())
    asyncio.run(asyncio.sleep(0))


def test_ten_thousand_at_once_without_threads(store):
    for number in range(10):
        store[f"{number}"] = str(number)

    async def main():
        threads = threading.active_count()
        found = await asyncio.gather(*(store.aget(str(number % 10)) for number in range(10_000)))
        assert threading.active_count() == threads
        assert all(each == str(number % 10) for number, each in enumerate(found))
    asyncio.run(main())


def test_cancelled_calls_end(store):
    store["a"] = "x"

    async def main():
        tasks = [asyncio.ensure_future(store.aget("a")) for _ in range(5000)]
        await asyncio.sleep(0)
        for each in tasks[::2]:
            each.cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) or each == "x" for each in found)
        assert sum(isinstance(each, strongroom.Secret) for each in found) >= 2500
        assert await asyncio.wait_for(store.aget("a"), 10) == "x"
    asyncio.run(main())


def test_awatch(store):
    async def main():
        seen = []

        async def follow():
            async for change in store.awatch("a"):
                seen.append((change.path, change.kind))
                if len(seen) == 3:
                    return
        task = asyncio.create_task(follow())
        for number in range(200):
            await asyncio.sleep(0.05)
            if task.done():
                break
            if number % 4 == 0:
                store[f"a/{number // 4}"] = "x"
                store["b"] = "x"
        await asyncio.wait_for(task, 10)
        assert all(path.startswith("a/") and kind == "changed" for path, kind in seen)
    asyncio.run(main())


def test_a_watch_that_is_cancelled_ends(store):
    async def main():
        changes = store.awatch()
        task = asyncio.ensure_future(changes.__anext__())
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await changes.aclose()
        store["a"] = "x"
        assert await store.aget("a") == "x"
    asyncio.run(main())


def test_loops_of_many_threads(store):
    store["a"] = "x"
    wrong = []

    async def main():
        found = await asyncio.gather(*(store.aget("a") for _ in range(500)))
        if not all(each == "x" for each in found):
            wrong.append("value")
    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert wrong == []


def test_a_loop_that_is_closed_early_frees_its_queue(place):
    import os
    with place.open(create=True) as store:
        store["a"] = "x"

        async def main():
            asyncio.ensure_future(store.aget("a"))
        asyncio.run(main())
        gc.collect()
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            asyncio.run(main())
        gc.collect()
        assert len(os.listdir("/proc/self/fd")) <= before + 1
