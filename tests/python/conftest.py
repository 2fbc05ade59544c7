"""What the tests of the Python package share."""
import pytest

import strongroom


@pytest.fixture
def place(tmp_path):
    """Where a store and its key are, and how to open them."""
    class Place:
        url = f"lmdb:{tmp_path}/app/store"
        key_file = str(tmp_path / "key")

        def open(self, **more):
            return strongroom.open(self.url, key_file=self.key_file, **more)
    return Place()


@pytest.fixture
def store(place):
    with place.open(create=True) as store:
        yield store
