"""One-row questions that wait are answered together, with the answers that each would have by itself."""

import asyncio
import threading

import numpy as np
import pytest

from metier.serving.answer_threads import AnswerThreads
from metier.serving.batching import Batcher, BatchGain, measure_batches
from metier.tasks.answer_batches import Answers


class Model:
    """Answers by the length of a text; notes the sizes of batches, and can be held up."""

    def __init__(self, *, shift=0.0):
        self.sizes = []
        self.shift = shift
        self.release = threading.Event()
        self.release.set()

    def predict(self, texts):
        self.sizes.append(len(texts))
        assert self.release.wait(30)
        if "broken" in texts:
            raise ZeroDivisionError
        first = np.array([1 / (2 + len(text)) for text in texts]) + self.shift * (len(texts) - 1)
        return Answers(np.column_stack([first, 1 - first]), ("a", "b"), ("taught.v1",) * len(texts))


@pytest.fixture
def threads():
    threads = AnswerThreads(1)
    yield threads
    threads.stop()


def ask(threads, model, texts, *, most_rows=8):
    """Ask texts while the model is busy with another; give the answers in their order."""

    async def together():
        batcher = Batcher(model.predict, threads, most_rows=most_rows)
        model.release.clear()
        first = asyncio.create_task(batcher.answer("first"))
        while not model.sizes:
            await asyncio.sleep(0.001)
        rest = [asyncio.create_task(batcher.answer(text)) for text in texts]
        await asyncio.sleep(0.01)
        model.release.set()
        await first
        return await asyncio.gather(*rest, return_exceptions=True)

    return asyncio.run(together())


def test_those_that_wait_are_answered_together_as_by_themselves(threads):
    model = Model()
    texts = ["x" * length for length in range(10)]
    found = ask(threads, model, texts)
    assert model.sizes == [1, 8, 2]
    for text, one in zip(texts, found, strict=True):
        assert one.answer.record(0) == Model().predict([text]).record(0)
    assert [one.n_rows for one in found] == [8] * 8 + [2] * 2


def test_nobody_waits_for_company(threads):
    model = Model()
    batcher = Batcher(model.predict, threads, most_rows=8)
    assert asyncio.run(batcher.answer("a")).n_rows == 1
    assert model.sizes == [1]


def test_a_long_text_is_a_batch_of_its_own(threads):
    model = Model()
    ask(threads, model, ["a" * 19_000, "b" * 19_000, "c"])
    assert model.sizes == [1, 1, 2]


def test_what_one_row_breaks_leaves_the_others_whole(threads):
    found = ask(threads, Model(), ["a", "broken", "b"])
    assert isinstance(found[1], ZeroDivisionError)
    assert [len(found[place].answer) for place in (0, 2)] == [1, 1]


def test_who_has_hung_up_is_not_asked_for(threads):
    model = Model()

    async def cancel():
        batcher = Batcher(model.predict, threads, most_rows=8)
        model.release.clear()
        first = asyncio.create_task(batcher.answer("first"))
        while not model.sizes:
            await asyncio.sleep(0.001)
        gone, stays = asyncio.create_task(batcher.answer("gone")), asyncio.create_task(batcher.answer("stays"))
        await asyncio.sleep(0.01)
        gone.cancel()
        await asyncio.sleep(0.01)
        model.release.set()
        await asyncio.gather(first, stays)

    asyncio.run(cancel())
    assert model.sizes == [1, 1]


@pytest.mark.parametrize(
    ("milliseconds", "is_equal", "most_rows"),
    [
        ({1: 1.0, 8: 0.5, 32: 0.25}, True, 32),
        ({1: 1.0, 8: 0.5, 32: 0.6}, True, 8),
        ({1: 1.0, 8: 0.92, 32: 0.95}, True, 1),
        ({1: 1.0, 8: 0.5, 32: 0.25}, False, 1),
        ({1: 300.0}, True, 1),
    ],
)
def test_batches_are_made_only_where_they_help_and_change_nothing(milliseconds, is_equal, most_rows):
    assert BatchGain(milliseconds, is_equal).most_rows == most_rows


def test_measuring_sees_whether_a_batch_changes_answers():
    rows = ["x" * length for length in (3, 9, 30, 80, 5, 7, 11, 13)]
    assert measure_batches(Model().predict, rows).is_equal
    assert not measure_batches(Model(shift=1e-4).predict, rows).is_equal
    assert set(measure_batches(Model().predict, rows).milliseconds) == {1, 8, 32}
