"""A store does what a dict does, over any sequence of calls."""
import shutil
import tempfile

import strongroom
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

PATHS = st.sampled_from(["a", "b", "a/b", "a/b/c", "d/e"])
VALUES = st.one_of(st.text(st.characters(blacklist_categories=("Cs",)), max_size=50), st.binary(max_size=50))


class Model(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.place = tempfile.mkdtemp()
        self.store = self.open()
        self.values, self.revisions = {}, {}

    def open(self):
        return strongroom.open(f"lmdb:{self.place}/store", key_file=f"{self.place}/key", create=True)

    def teardown(self):
        self.store.close()
        shutil.rmtree(self.place)

    def did(self, path, revision):
        assert revision == self.revisions.get(path, 0) + 1
        self.revisions[path] = revision

    @rule(path=PATHS, value=VALUES)
    def put(self, path, value):
        self.did(path, self.store.put(path, value))
        self.values[path] = value

    @rule(path=PATHS, value=VALUES)
    def create(self, path, value):
        try:
            self.did(path, self.store.create(path, value))
            assert path not in self.values
            self.values[path] = value
        except strongroom.AlreadyExistsError:
            assert path in self.values

    @rule(path=PATHS, value=VALUES, ahead=st.integers(-1, 1))
    def compare_and_set(self, path, value, ahead):
        revision = max(1, self.revisions.get(path, 0) + ahead)
        try:
            self.did(path, self.store.put(path, value, revision=revision))
            assert path in self.values and revision == self.revisions[path] - 1
            self.values[path] = value
        except strongroom.ConflictError:
            assert path not in self.values or revision != self.revisions[path]

    @rule(path=PATHS)
    def delete(self, path):
        try:
            self.did(path, self.store.delete(path))
            del self.values[path]
        except KeyError:
            assert path not in self.values

    @rule(path=PATHS)
    def get(self, path):
        try:
            with self.store[path] as secret:
                assert secret.reveal() == self.values[path] and secret.revision == self.revisions[path]
        except strongroom.NotFoundError:
            assert path not in self.values

    @rule()
    def open_again(self):
        self.store.close()
        self.store = self.open()

    @rule()
    def rotate(self):
        self.store.rotate()

    @invariant()
    def names(self):
        assert list(self.store) == sorted(self.values)


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=20, stateful_step_count=30, deadline=None, derandomize=True, database=None)
