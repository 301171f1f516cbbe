import numpy as np
import pytest
import torch

from metier.errors import TrainingError
from metier.training.batching import TokenisedRows
from metier.training.checkpoint import CheckpointFolder
from metier.training.loop import Loop, LoopSettings
from metier.training.objectives import cross_entropy
from metier.training.recovery import MOST_RETURNS
from tests.training.test_loop import Bag, plan

N_ROWS, N_CLASSES = 60, 3


@pytest.fixture
def rows():
    random = np.random.default_rng(0)
    ids = [random.integers(0, 20, random.integers(1, 6)).tolist() for _ in range(N_ROWS)]
    return TokenisedRows(ids, np.array([row[0] % N_CLASSES for row in ids]), pad_id=0)


def loop_of(rows, objective, *, epochs=8, rate=0.05, model=None, **how):
    torch.manual_seed(1)
    model = model or Bag()
    groups = [{"params": list(model.parameters()), "lr": rate}]
    settings = LoopSettings(epochs=epochs, **how.pop("settings", {}))
    return model, Loop(model, rows, groups=groups, plan=plan, objective=objective, settings=settings, **how)


class Failing:
    """Cross-entropy that does something else at some of its calls."""

    def __init__(self, at, what):
        self.at, self.what, self.calls, self.sizes, self.plain = set(at), what, 0, [], cross_entropy()

    def __call__(self, model, batch):
        self.calls += 1
        self.sizes.append(len(batch.labels))
        loss = self.plain(model, batch)
        return self.what(loss) if self.calls in self.at else loss


def test_a_loss_that_is_no_number_goes_back_and_lowers_the_rate(rows):
    broken = Failing({20}, lambda loss: loss * float("nan"))
    model, loop = loop_of(rows, broken)
    outcome = loop.run()
    assert outcome.events == [{"step": 19, "what": "divergence"}]
    assert loop._position.rate_factor == 0.25
    assert outcome.steps == 48  # As many as without it: those since the last good epoch were taken again.
    assert (
        broken.calls == 48 + 2
    )  # The one that failed, and the one that was taken since the third epoch ended.
    assert all(torch.isfinite(weight).all() for weight in model.parameters())
    assert outcome.history[-1]["loss"] < outcome.history[0]["loss"]


def test_gradients_that_explode_go_back(rows):
    broken = Failing(range(30, 35), lambda loss: loss * 1e6)
    _, loop = loop_of(rows, broken, settings={"optimizer": "sgd"})
    assert [one["what"] for one in loop.run().events][:1] in (["exploding_gradients"], ["divergence"])


def test_a_rate_that_is_far_too_high_ends_in_training_and_not_in_nonsense(rows):
    _, loop = loop_of(rows, cross_entropy(), rate=1e6, settings={"optimizer": "sgd", "clip": 1e9})
    with pytest.raises(TrainingError, match="a quarter of the learning rate"):
        loop.run()


def test_a_rate_that_is_too_high_is_lowered_until_it_learns(rows):
    model, loop = loop_of(
        rows, cross_entropy(), rate=60.0, epochs=30, settings={"optimizer": "sgd", "clip": 1e9}
    )
    outcome = loop.run()
    assert [one["what"] for one in outcome.events].count("divergence") >= 1
    assert outcome.history[-1]["loss"] < 10
    assert all(torch.isfinite(weight).all() for weight in model.parameters())


def test_what_never_gets_better_is_an_error_after_some_returns(rows):
    broken = Failing(range(1, 1000), lambda loss: loss * float("nan"))
    _, loop = loop_of(rows, broken)
    with pytest.raises(TrainingError, match=r"divergence at step 0.*began anew 3 times"):
        loop.run()
    assert broken.calls == MOST_RETURNS + 1


def test_a_plateau_halves_the_rate(rows):
    still = Bag()
    still.requires_grad_(False)
    still.head.bias.requires_grad_(True)
    _, loop = loop_of(rows, lambda model, batch: (model.head.bias * 0).sum() + 1.0, epochs=6, model=still)
    outcome = loop.run()
    assert {"step": 24, "what": "plateau"} in outcome.events
    assert loop._position.rate_factor == 0.5


def test_gradients_that_vanish_are_said(rows):
    _, loop = loop_of(rows, lambda model, batch: cross_entropy()(model, batch) * 1e-12 + 1.0)
    assert {"step": 19, "what": "vanishing_gradients"} in loop.run().events


def test_a_batch_that_the_memory_does_not_hold_is_taken_in_halves_with_the_same_step(rows):
    class Quiet(Bag):
        def __init__(self):
            super().__init__()
            self.dropout = torch.nn.Identity()

    short = Failing((), None)

    def objective(model, batch):
        if len(batch.labels) > 3:
            raise RuntimeError(
                "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate"
            )
        return short(model, batch)

    torch.manual_seed(1)
    start = Quiet().state_dict()
    mended, plain = Quiet(), Quiet()
    mended.load_state_dict(start)
    plain.load_state_dict(start)
    _, loop = loop_of(rows, objective, epochs=2, model=mended)
    outcome = loop.run()
    assert [one["what"] for one in outcome.events] == ["memory", "memory"]
    assert max(short.sizes) == 3
    assert loop_of(rows, cross_entropy(), epochs=2, model=plain)[1].run().steps == outcome.steps
    for one, two in zip(mended.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-4)


def test_another_error_is_raised_as_it_is(rows):
    def objective(model, batch):
        raise RuntimeError("shapes do not fit")

    _, loop = loop_of(rows, objective)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        loop.run()


def test_what_happened_survives_a_kill(rows, tmp_path):
    folder = CheckpointFolder(tmp_path / "kept", {"a": 1})
    broken = Failing({20}, lambda loss: loss * float("nan"))
    _, loop = loop_of(rows, broken, epochs=8, settings={"stop_epoch": 5}, checkpoints=folder)
    assert loop.run().events
    _, again = loop_of(rows, cross_entropy(), epochs=8, settings={"stop_epoch": 5}, checkpoints=folder)
    assert again.run().events == [{"step": 19, "what": "divergence"}]


@pytest.mark.parametrize("optimizer", ["adafactor", "sgd", "adagrad", "lion"])
def test_each_optimizer_goes_on_from_a_checkpoint_as_if_nothing_had_been(rows, tmp_path, optimizer):
    how = {"optimizer": optimizer, "seconds_between_checkpoints": 0.0}
    model, loop = loop_of(rows, cross_entropy(), epochs=4, settings=how)
    loop.run()
    folder = CheckpointFolder(tmp_path / "kept", {"a": 1})
    stopping = Failing({10}, lambda loss: (_ for _ in ()).throw(KeyboardInterrupt()))
    _, broken = loop_of(rows, stopping, epochs=4, settings=how, checkpoints=folder)
    with pytest.raises(KeyboardInterrupt):
        broken.run()
    other, again = loop_of(rows, cross_entropy(), epochs=4, settings=how, checkpoints=folder)
    again.run()
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)
