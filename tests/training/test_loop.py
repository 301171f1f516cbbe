import signal
import threading

import numpy as np
import pytest
import torch

from metier.training.batching import TokenisedRows
from metier.training.checkpoint import CheckpointFolder
from metier.training.learning_rate import Schedule, parameter_groups
from metier.training.loop import Loop, LoopSettings
from metier.training.objectives import cross_entropy

N_ROWS, N_CLASSES = 60, 3


class Bag(torch.nn.Module):
    """A mean of word vectors and a linear head: small, real, and with dropout, so that chance matters."""

    def __init__(self):
        super().__init__()
        self.words = torch.nn.Embedding(20, 8)
        self.dropout = torch.nn.Dropout(0.2)
        self.head = torch.nn.Linear(8, N_CLASSES)

    def forward(self, batch):
        weights = batch.mask.unsqueeze(-1).float()
        return self.head(self.dropout((self.words(batch.input_ids) * weights).sum(1) / weights.sum(1)))


@pytest.fixture
def rows():
    random = np.random.default_rng(0)
    ids = [random.integers(0, 20, random.integers(1, 6)).tolist() for _ in range(N_ROWS)]
    return TokenisedRows(ids, np.array([row[0] % N_CLASSES for row in ids]), pad_id=0)


def plan(epoch):
    order = np.random.default_rng(epoch).permutation(N_ROWS)
    return [order[start : start + 10] for start in range(0, N_ROWS, 10)]


def build(rows, settings, *, model=None, **options):
    torch.manual_seed(1)
    model = model or Bag()
    groups = [{"params": list(model.parameters()), "lr": 0.05}]
    return model, Loop(
        model, rows, groups=groups, plan=plan, objective=cross_entropy(), settings=settings, **options
    )


def weights(model):
    return {name: weight.clone() for name, weight in model.state_dict().items()}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, weight in expected.items():
        assert torch.equal(found[name], weight), name


def test_it_learns(rows):
    _, loop = build(rows, LoopSettings(epochs=30))
    outcome = loop.run()
    assert outcome.stopped_by == "epochs"
    assert (outcome.steps, outcome.rows) == (180, 30 * N_ROWS)
    assert outcome.history[-1]["loss"] < outcome.history[0]["loss"] / 2


def test_the_epoch_with_the_best_score_is_kept(rows):
    scores, seen = iter([0.1, 0.9, 0.3]), []

    def evaluate():
        seen.append(weights(model))
        return {"score": next(scores), "accuracy": 0.5}

    model, loop = build(rows, LoopSettings(epochs=3), evaluate=evaluate)
    outcome = loop.run()
    assert outcome.best_epoch == 2
    assert [epoch["score"] for epoch in outcome.history] == [0.1, 0.9, 0.3]
    assert_same(weights(model), seen[1])


@pytest.mark.parametrize(
    ("scores", "best"),
    [([0.5, 0.45, 0.3], 2), ([0.5, 0.45, 0.42], 3), ([0.5, 0.3, 0.7], 3), ([0.5, 0.35, 0.2], 1)],
)
def test_of_epochs_that_cannot_be_told_apart_the_last_is_kept(rows, scores, best):
    told, seen = iter(scores), []

    def evaluate():
        seen.append(weights(model))
        return {"score": next(told), "score_error": 0.1}

    model, loop = build(rows, LoopSettings(epochs=3), evaluate=evaluate)
    assert loop.run().best_epoch == best
    assert_same(weights(model), seen[best - 1])


def test_a_plateau_stops_it(rows):
    scores = iter([0.5, 0.4, 0.3, 0.9])
    _, loop = build(rows, LoopSettings(epochs=9, patience=2), evaluate=lambda: {"score": next(scores)})
    outcome = loop.run()
    assert (outcome.stopped_by, len(outcome.history), outcome.best_epoch) == ("plateau", 3, 1)


def test_a_step_and_an_epoch_stop_it(rows):
    _, loop = build(rows, LoopSettings(epochs=5, max_steps=8))
    outcome = loop.run()
    assert (outcome.stopped_by, outcome.steps) == ("step", 8)
    _, loop = build(rows, LoopSettings(epochs=5, stop_epoch=2))
    outcome = loop.run()
    assert (outcome.stopped_by, outcome.steps, outcome.best_epoch) == ("epochs", 12, 2)


def test_stopping_after_an_epoch_gives_the_weights_of_that_epoch_of_the_whole_run(rows):
    seen = []
    model, loop = build(
        rows, LoopSettings(epochs=3), evaluate=lambda: seen.append(weights(model)) or {"score": 0.0}
    )
    loop.run()
    again, loop = build(rows, LoopSettings(epochs=3, stop_epoch=2))
    loop.run()
    assert_same(weights(again), seen[1])


def test_the_clock_stops_it_with_the_rate_at_zero(rows):
    _, loop = build(rows, LoopSettings(epochs=100_000, time_limit_seconds=0.5))
    outcome = loop.run()
    assert outcome.stopped_by == "clock"
    assert outcome.seconds == pytest.approx(0.5, abs=0.4)
    assert loop._optimizer.param_groups[0]["lr"] < 0.05 * 0.1


def test_time_that_went_into_evaluation_begins_no_further_epoch(rows, monkeypatch):
    passed = [0.0]
    monkeypatch.setattr("metier.training.loop.time.perf_counter", lambda: passed[0])
    looks = []

    def evaluate():
        passed[0] += 20.0
        looks.append(passed[0])
        return {"score": float(len(looks))}

    _, loop = build(rows, LoopSettings(epochs=5, time_limit_seconds=30.0), evaluate=evaluate)
    outcome = loop.run()
    assert (outcome.stopped_by, len(looks), outcome.steps) == ("clock", 2, 2 * len(plan(0)))


def test_accumulating_batches_equals_one_large_batch(rows):
    def large(epoch):
        parts = plan(epoch)
        return [np.concatenate(parts[start : start + 2]) for start in range(0, len(parts), 2)]

    one, loop = build(rows, LoopSettings(epochs=2, accumulate=2))
    one.dropout.p = 0.0
    loop.run()
    other, loop = build(rows, LoopSettings(epochs=2))
    other.dropout.p = 0.0
    loop._plan = large
    loop._schedule = Schedule(6, 0.06)
    loop.run()
    for name, weight in other.state_dict().items():
        torch.testing.assert_close(one.state_dict()[name], weight, atol=1e-6, rtol=1e-5)


def test_the_gradient_is_clipped(rows):
    model, loop = build(rows, LoopSettings(epochs=1, clip=1e-3))
    norms = []
    step = loop._optimizer.step
    loop._optimizer.step = lambda: (
        norms.append(torch.nn.utils.get_total_norm([w.grad for w in model.parameters()])) or step()
    )
    loop.run()
    assert max(norms) <= 1e-3 * 1.001


@pytest.mark.parametrize("stop_at", [1, 7, 13])
def test_an_interrupted_run_goes_on_to_the_same_weights(rows, tmp_path, stop_at):
    scores = {1: 0.3, 2: 0.8, 3: 0.2}

    def options(loop_scores):
        return {"evaluate": lambda: {"score": loop_scores.pop(0)}}

    settings = LoopSettings(epochs=3)
    whole, loop = build(rows, settings, **options(list(scores.values())))
    expected = loop.run()

    steps = 0

    def interrupt(progress):
        nonlocal steps
        steps = progress.facts["step"]
        if steps >= stop_at:
            raise KeyboardInterrupt

    _, loop = build(
        rows,
        settings,
        checkpoints=CheckpointFolder(tmp_path, {}),
        listener=interrupt,
        **options(list(scores.values())),
    )
    loop._report = lambda force=False, report=loop._report: report(force=True)  # Every step, however quick.
    with pytest.raises(KeyboardInterrupt):
        loop.run()
    assert steps == stop_at

    done = stop_at // 6
    model, loop = build(
        rows, settings, checkpoints=CheckpointFolder(tmp_path, {}), **options(list(scores.values())[done:])
    )
    torch.manual_seed(99)  # The state of chance comes from the checkpoint.
    outcome = loop.run()
    assert (outcome.steps, outcome.best_epoch) == (expected.steps, expected.best_epoch)
    assert [epoch["loss"] for epoch in outcome.history] == [epoch["loss"] for epoch in expected.history]
    assert_same(weights(model), weights(whole))


def test_ctrl_c_waits_for_the_step_to_end(rows, tmp_path):
    def objective(model, batch):
        signal.raise_signal(signal.SIGINT)
        return cross_entropy()(model, batch)

    before = signal.getsignal(signal.SIGINT)
    _, loop = build(rows, LoopSettings(epochs=3), checkpoints=CheckpointFolder(tmp_path, {}))
    loop._objective = objective
    with pytest.raises(KeyboardInterrupt):
        loop.run()
    assert CheckpointFolder(tmp_path, {}).load_last().facts["step"] == 1
    assert signal.getsignal(signal.SIGINT) is before


def test_a_finished_run_is_not_trained_again(rows, tmp_path):
    model, loop = build(rows, LoopSettings(epochs=2), checkpoints=CheckpointFolder(tmp_path, {}))
    outcome = loop.run()
    again, loop = build(rows, LoopSettings(epochs=2), checkpoints=CheckpointFolder(tmp_path, {}))
    assert loop.run() == outcome
    assert_same(weights(again), weights(model))
    assert len(list(tmp_path.iterdir())) == 1


def test_it_runs_outside_the_main_thread(rows):
    _, loop = build(rows, LoopSettings(epochs=1))
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(loop.run()))
    thread.start()
    thread.join()
    assert outcomes[0].steps == 6


def test_progress_says_how_far_how_fast_and_how_long_still(rows):
    heard = []
    _, loop = build(
        rows, LoopSettings(epochs=2), evaluate=lambda: {"score": 0, "accuracy": 0.7}, listener=heard.append
    )
    loop.run()
    last = heard[-1]
    assert (last.done, last.total, last.unit) == (2 * N_ROWS, 2 * N_ROWS, "rows")
    assert last.facts["validation_accuracy"] == 0.7
    assert last.facts["minutes_left"] == 0
    assert last.facts["rows_per_second"] > 0
    assert "loss" in heard[0].facts


def test_the_rate_rises_falls_and_follows_the_clock_when_that_is_further():
    schedule = Schedule(100, 0.1, time_limit_seconds=10)
    factors = [schedule.factor(schedule.progress(step=step, seconds=0)) for step in range(101)]
    assert 0 < factors[0] < 0.2
    assert factors[10] == pytest.approx(1)
    assert np.all(np.diff(factors[:11]) > 0)
    assert np.all(np.diff(factors[10:]) < 0)
    assert factors[100] == 0
    assert schedule.factor(schedule.progress(step=20, seconds=10)) == 0
    assert schedule.progress(step=20, seconds=5) == 0.5


def test_groups_decay_with_depth_and_spare_norms_biases_embeddings_and_the_head(tiny_base):
    from metier.bases.huggingface_folder import load_model
    from metier.bases.known_bases import resolve_base

    encoder, head = load_model(resolve_base(str(tiny_base))), torch.nn.Linear(384, 3)
    groups = parameter_groups(encoder, head, learning_rate=1.0, layer_decay=0.5, weight_decay=0.1)
    found = {id(weight): (group["lr"], group["weight_decay"]) for group in groups for weight in group["params"]}
    layers = encoder.encoder.layer
    assert found[id(head.weight)] == (1.0, 0.0)
    assert found[id(layers[1].output.dense.weight)] == (1.0, 0.1)
    assert found[id(layers[0].output.dense.weight)] == (0.5, 0.1)
    assert found[id(layers[0].output.dense.bias)] == (0.5, 0.0)
    assert found[id(layers[0].output.LayerNorm.weight)] == (0.5, 0.0)
    assert found[id(encoder.embeddings.word_embeddings.weight)] == (0.25, 0.0)
    assert len(found) == len(list(encoder.parameters())) + 2
