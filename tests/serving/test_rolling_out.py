"""Roll-outs in a service: whose turn a request is, what is observed of it, and what the evidence does."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from metier.registry.criteria import build_criteria
from metier.registry.roll_out import RollOut
from metier.registry.running import Running, Status
from metier.serving.prediction_log import Feedback, Prediction, new_prediction_ids
from metier.serving.refusals import RefusalError
from metier.serving.rolling_out.live import Live, is_wrong
from metier.serving.rolling_out.observations import Observations
from metier.serving.rolling_out.turns import Who, shadow_of, take_turn

NOW = datetime.now(UTC)
OLD, NEW = {"label": "refund", "probability": 0.9}, {"label": "card", "probability": 0.7}


def live(*, is_shadow, share=0.25, criteria=None):
    found = RollOut(build_criteria(criteria, share=share, is_shadow=is_shadow))
    running = Running(
        id=1, name="support", champion=1, challenger=2, share=share, is_shadow=is_shadow, status=Status.RUNNING,
        decision=found.decision, more_needed=None, n_requests=0, n_challenger=0, began=NOW - timedelta(hours=1),
        ended=None, who="", why="", is_forced=False,
    )  # fmt: skip
    return Live(running, SimpleNamespace(version=2), Observations(running))


def asking(of, *, is_new):
    """Somebody whom a version of a canary answers."""
    return next(
        Who(f"caller {i}", "") for i in range(1_000) if of.running.asks_challenger(f"caller {i}") == is_new
    )


def turn(of, who, *, fails=()):
    champion = SimpleNamespace(version=1)

    async def answer(model):
        if model.version in fails:
            raise ZeroDivisionError
        return [OLD if model.version == 1 else NEW], 1.0

    return asyncio.run(take_turn(champion, of, who, answer))


def taken(of):
    found = of.observations.take()
    return {name: [number for _, number in numbers] for name, numbers in found.numbers.items()}


def test_each_caller_meets_its_version_and_counts_by_how_rarely_that_is_asked():
    of = live(is_shadow=False)
    first = turn(of, asking(of, is_new=True))
    assert (first.model.version, first.role, first.records) == (2, "challenger", [NEW])
    assert taken(of) == {"errors": [0.0], "confidence": [pytest.approx(0.3 / 0.25)]}
    second = turn(of, asking(of, is_new=False))
    assert (second.model.version, second.role) == (1, "champion")
    assert taken(of) == {"errors": [0.0], "confidence": [pytest.approx(-0.1 / 0.75)]}


def test_a_new_version_that_fails_is_counted_and_the_champion_answers():
    of = live(is_shadow=False)
    found = turn(of, asking(of, is_new=True), fails=(2,))
    assert (found.model.version, found.records) == (1, [OLD])
    assert taken(of) == {"errors": [4.0], "confidence": []}
    with pytest.raises(ZeroDivisionError):
        turn(of, asking(of, is_new=False), fails=(1,))
    assert taken(of)["errors"] == [pytest.approx(-1 / 0.75)]


def test_a_request_that_is_refused_says_nothing_of_a_version():
    of = live(is_shadow=False)

    async def refused(model):
        raise RefusalError(503, "busy", "Too many wait.")

    with pytest.raises(RefusalError):
        asyncio.run(take_turn(SimpleNamespace(version=1), of, asking(of, is_new=True), refused))
    assert of.observations.take() is None


def asked_in_shadow(of, answer, *, is_spare=True):
    """Answer one request, let the shadow answer after it, and give what is kept of that."""
    kept = []
    of = Live(of.running, SimpleNamespace(version=2, engine=SimpleNamespace(answer=answer)), of.observations)
    following = SimpleNamespace(has_spare_thread=is_spare)

    async def ask():
        async def champion(model):
            return [OLD], 1.0

        given = await take_turn(SimpleNamespace(version=1), of, Who(None, "7"), champion)
        asked = SimpleNamespace(items=["a"], top=None)
        task = shadow_of(given, asked, Who(None, "7"), following, kept.append)
        if task is not None:
            await task()
            await asyncio.gather(*(one for one in asyncio.all_tasks() if one is not asyncio.current_task()))
        return given

    assert asyncio.run(ask()).records == [OLD]
    return kept


class OneBatch:
    """A batch of one answer."""

    def __len__(self):
        return 1

    def record(self, row, top):
        return {**NEW, "answered_by": "x"}


def test_a_shadow_answers_after_the_champion_and_both_are_compared():
    of = live(is_shadow=True, share=1.0)

    async def answer(items):
        return [OneBatch()], 2.0

    [kept] = asked_in_shadow(of, answer)
    assert (kept.role, kept.model.version, kept.records[0]["label"]) == ("shadow", 2, "card")
    assert taken(of) == {"errors": [0.0], "disagreement": [1.0], "confidence": [pytest.approx(0.2)]}


def test_a_shadow_that_fails_is_an_error_and_one_without_a_spare_thread_is_not_asked():
    of = live(is_shadow=True, share=1.0)

    async def broken(items):
        raise ZeroDivisionError

    assert asked_in_shadow(of, broken) == []
    assert taken(of) == {"errors": [1.0], "disagreement": [], "confidence": []}
    assert asked_in_shadow(of, broken, is_spare=False) == []
    assert (of.observations.take().n_requests, of.observations.take()) == (1, None)


def said(version, *, correction=None, thumb=None, answer=OLD, **facts):
    [id_] = new_prediction_ids(1)
    feedback = (Feedback(id_, NOW, correction=correction, thumb=thumb),)
    return Prediction(id_, NOW, "support", version, "m.v1", answer, feedback=feedback, **facts)


def test_feedback_counts_for_the_version_that_answered_or_for_both():
    of = live(is_shadow=False, criteria={"corrections": 0.02})
    of.note_feedback(said("1", correction="card"), [])
    of.note_feedback(said("2", thumb="up"), [])
    of.note_feedback(said("2", thumb="down"), [])
    of.note_feedback(said("7", thumb="down"), [])
    of.note_feedback(said("1"), [])
    assert taken(of)["corrections"] == [pytest.approx(-1 / 0.75), 0.0, 4.0]
    of = live(is_shadow=True, share=1.0, criteria={"corrections": 0.02})
    of.note_feedback(said("1", correction="refund"), [said("2", answer=NEW)])
    of.note_feedback(said("1", correction="card"), [said("2", answer=NEW)])
    of.note_feedback(said("1", correction="card"), [])
    assert taken(of)["corrections"] == [1.0, -1.0]


def test_what_a_correction_says_of_other_answers():
    both = said("1", answer={"labels": {"a": 0.9, "b": 0.8}}, correction=["b", "a"])
    assert not is_wrong(both, both.answer)
    assert is_wrong(both, {"labels": {"a": 0.9}})
    assert is_wrong(said("1", thumb="down"), NEW) is None


def test_what_could_not_be_told_is_kept_and_several_threads_may_observe():
    of = live(is_shadow=True, share=1.0)
    observers = [
        threading.Thread(target=lambda: [of.observations.shadow([OLD], [NEW]) for _ in range(500)])
        for _ in range(4)
    ]
    for observer in observers:
        observer.start()
    for observer in observers:
        observer.join()
    of.observations.put_back(of.observations.take())
    of.observations.passed()
    found = of.observations.take()
    assert (found.n_requests, found.n_challenger) == (2_001, 2_000)
    assert {len(numbers) for numbers in found.numbers.values()} == {2_000}
