"""The training loop: one for a CPU, a GPU, or several processes, by way of `accelerate`.

It stops after its epochs, at a step, by the clock, or when validation no longer gets better. Its whole state is
reached through `_state` and put back by `_restore`, so a run that was killed goes on and ends with the weights
it would have ended with: batches depend on the seed and the epoch alone, and everything else is in the
checkpoint.
"""

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from metier.bases.adaptation.adaptation import StepHook
from metier.progress import Listener, Progress, ignore
from metier.training.batch import Rows
from metier.training.checkpoint import KEPT, Checkpoint, CheckpointFolder, deferred_interrupt
from metier.training.learning_rate import Schedule, ScheduleName
from metier.training.objectives.objective import Objective
from metier.training.optimizer_names import OptimizerName
from metier.training.optimizers import build_optimizer
from metier.training.processes import accelerator_of, agree, n_shares_of_rows
from metier.training.recovery import Recovery
from metier.training.shared_weights import weights_of
from metier.training.weights import gathered, like

SECONDS_BETWEEN_REPORTS = 0.5
SECONDS_BETWEEN_CHECKPOINTS = 60.0


@dataclass(frozen=True)
class LoopSettings:
    """When to stop and how to step.

    Parameters
    ----------
    epochs : int
        Length of the schedule.
    stop_epoch : int or None
        Stop after this epoch of the schedule.
    max_steps : int or None
        Stop after this many steps; the schedule is as long as without it.
    accumulate : int
        Batches for one step.
    clip : float
        Largest norm of the gradient.
    warmup_fraction : float
        Share of the schedule in which the rate rises, 0 to 1.
    patience : int or None
        Stop after this many epochs without a better validation score.
    time_limit_seconds : float or None
        From the start of the loop, over all resumes.
    optimizer : str
        As `optimizers` names it.
    schedule : str
        How the rate runs, as `learning_rate.Schedule` has it.
    """

    epochs: int
    stop_epoch: int | None = None
    max_steps: int | None = None
    accumulate: int = 1
    clip: float = 1.0
    warmup_fraction: float = 0.06
    patience: int | None = None
    time_limit_seconds: float | None = None
    seconds_between_checkpoints: float = SECONDS_BETWEEN_CHECKPOINTS
    optimizer: OptimizerName = "adamw"
    schedule: ScheduleName = "linear"


@dataclass
class Position:
    """Where a run is."""

    epoch: int = 0
    batch: int = 0  # Batches of this epoch that are done.
    step: int = 0
    rows: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    stopped_by: str = ""
    rate_factor: float = 1.0  # Halved where training went wrong.
    returns: int = 0  # To the last good weights.
    pieces: int = 1  # Of a batch, where memory is short.
    events: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Parameters
    ----------
    best_epoch : int
        The epoch, from 1 on, whose weights the model now has.
    history : list of dict
        For each epoch: `epoch`, `loss`, `seconds`, and what `evaluate` found.
    stopped_by : {"epochs", "step", "clock", "plateau"}
    events : list of dict
        `step` and `what` went wrong, as `recovery` mends it.
    """

    best_epoch: int
    steps: int
    rows: int
    seconds: float
    history: list[dict[str, float]]
    stopped_by: str
    events: list[dict[str, Any]] = field(default_factory=list)


class Loop:
    """Train a model.

    Parameters
    ----------
    model : Module
        Trained in place.
    rows : Rows
    groups : list of dict
        Parameter groups with their learning rates.
    plan : callable
        From an epoch, from 0 on, to its batches: arrays of positions in `rows`.
    objective : Objective
    settings : LoopSettings
    evaluate : callable, optional
        Gives facts about the model on validation rows; more of the fact `score` is better, and `score_error` is
        its standard error. None: the last weights are the best.
    checkpoints : CheckpointFolder, optional
        Where to keep checkpoints and to look for one to go on from.
    mixed_precision : {"no", "bf16", "fp16"}
    hook : StepHook, optional
        Called after each step of the optimizer, while the gradients are still there.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        rows: Rows,
        *,
        groups: list[dict[str, Any]],
        plan: Callable[[int], Sequence[np.ndarray]],
        objective: Objective,
        settings: LoopSettings,
        evaluate: Callable[[], dict[str, float]] | None = None,
        checkpoints: CheckpointFolder | None = None,
        mixed_precision: str = "no",
        hook: StepHook | None = None,
        what: str = "fine-tuning",
        listener: Listener = ignore,
    ):
        self._rows, self._plan, self._objective = rows, plan, objective
        self._settings, self._evaluate, self._checkpoints = settings, evaluate, checkpoints
        self._what, self._listener, self._hook = what, listener, hook
        self._accelerator = accelerator_of(mixed_precision)
        self._raw = model
        self._home = next(iter(model.parameters())).device
        self._rates = [float(group["lr"]) for group in groups]
        # What does not train is neither copied nor kept: it is there already.
        self._still = {name for name, weight in model.named_parameters() if not weight.requires_grad}
        self._shares = weights_of(self._accelerator, model)
        groups = self._shares.groups(groups)
        self._optimizer = self._accelerator.prepare(build_optimizer(settings.optimizer, groups))
        self._weights = [weight for group in groups for weight in group["params"]]
        steps = -(-len(self._share(0)) // settings.accumulate)
        self._schedule = Schedule(
            steps * settings.epochs,
            settings.warmup_fraction,
            time_limit_seconds=settings.time_limit_seconds,
            name=settings.schedule,
        )
        self._recovery = Recovery(self._learned, self._put_back, self._optimizer)
        self._position = Position()
        self._best: dict[str, torch.Tensor] = {}
        self._loss_sum, self._loss_batches = 0.0, 0
        self._since_report = self._since_checkpoint = 0.0
        self._is_whole = True  # Between steps; in the middle of one there is no state worth keeping.

    def run(self) -> Outcome:
        """Train until something says stop, and leave the best weights in the model."""
        self._restore()
        self._began = time.perf_counter() - self._position.seconds
        self._since_checkpoint = time.perf_counter()
        self._recovery.keep(self._position)
        with self._moved_back(), self._shares, deferred_interrupt() as interrupted:
            try:
                while not self._position.stopped_by:
                    self._run_epoch(interrupted)
            except KeyboardInterrupt:
                if self._is_whole:
                    self._save()
                raise
            return self._finish()

    @contextmanager
    def _moved_back(self) -> Iterator[None]:
        """Put the model back where it came from: what is set aside meanwhile, as unused word vectors, never left."""
        try:
            yield
        finally:
            self._raw.to(self._home)

    def _run_epoch(self, interrupted: Callable[[], bool]) -> None:
        here, settings = self._position, self._settings
        batches = self._share(here.epoch)
        self._raw.train()
        while here.batch < len(batches) and not here.stopped_by:
            group = batches[here.batch : here.batch + settings.accumulate]
            self._is_whole = False
            self._step(group)
            self._is_whole = True
            here.seconds = self._clock()
            if settings.max_steps and here.step >= settings.max_steps:
                here.stopped_by = "step"
            elif settings.time_limit_seconds and here.seconds >= settings.time_limit_seconds:
                here.stopped_by = "clock"
            self._report()
            if self._together(interrupted()):
                raise KeyboardInterrupt
            since = time.perf_counter() - self._since_checkpoint
            if self._checkpoints and self._together(since > settings.seconds_between_checkpoints):
                self._save()
        self._end_epoch(is_whole=here.batch >= len(batches))

    def _step(self, batches: Sequence[np.ndarray]) -> None:
        """One optimizer update from one or more batches; none where training went back to what was good."""
        here = self._position
        progress = self._schedule.progress(step=here.step, seconds=here.seconds)
        factor = self._schedule.factor(progress) * here.rate_factor
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        loss = self._gradients(batches)
        norm = self._shares.clip(self._weights, self._settings.clip)
        if self._recovery.after_step(here, agree(loss), norm):
            self._loss_sum, self._loss_batches = 0.0, 0
        else:
            self._optimizer.step()
            here.step += 1
            here.batch += len(batches)
            here.rows += sum(map(len, batches)) * n_shares_of_rows()
            self._loss_sum += loss
            self._loss_batches += 1
            if self._hook is not None:
                self._hook.after_step(here.step)
        self._optimizer.zero_grad(set_to_none=True)

    def _gradients(self, batches: Sequence[np.ndarray]) -> float:
        """Leave the gradients of a step, and give its mean loss; in smaller pieces where memory is short."""
        while True:
            try:
                return self._backward(batches)
            except (MemoryError, RuntimeError) as error:
                if not self._recovery.split(self._position, error, n_rows=max(map(len, batches))):
                    raise
                self._optimizer.zero_grad(set_to_none=True)

    def _backward(self, batches: Sequence[np.ndarray]) -> float:
        n_rows, mean = sum(map(len, batches)), 0.0
        pieces = [
            piece
            for positions in batches
            for piece in np.array_split(positions, min(self._position.pieces, len(positions)))
        ]
        for number, positions in enumerate(pieces):
            batch = self._rows.batch(positions).to(self._accelerator.device)
            is_last = number == len(pieces) - 1
            # Several processes exchange gradients once a step, with the last batch.
            with nullcontext() if is_last else self._shares.alone():
                with self._accelerator.autocast():
                    loss = self._objective(self._shares.model, batch)
                # Weighted by rows, so that accumulating equals one large batch.
                self._accelerator.backward(loss * (len(positions) / n_rows))
            mean += float(loss.detach()) * len(positions) / n_rows
        return mean

    def _end_epoch(self, *, is_whole: bool) -> None:
        here = self._position
        self._is_whole = False
        facts: dict[str, float] = {"epoch": here.epoch + 1, "loss": self._loss}
        if self._evaluate is not None:
            # The epoch that counts as the best must be the same in every process.
            with self._shares.readable():
                facts |= {name: agree(value) for name, value in self._evaluate().items()}
        here.seconds = self._clock()
        facts["seconds"] = here.seconds
        here.history.append(facts)
        if self._evaluate is not None and self._best_index() == len(here.history) - 1:
            self._best = {name: weight.detach().clone() for name, weight in self._learned().items()}
        loss = agree(self._loss)
        self._loss_sum, self._loss_batches = 0.0, 0
        if is_whole:
            here.epoch, here.batch = here.epoch + 1, 0
        if not here.stopped_by:
            here.stopped_by = self._reason_to_stop()
        self._recovery.after_epoch(here, loss)
        self._is_whole = True
        self._report(force=True)
        self._save()

    def _together(self, is_due: bool) -> bool:
        """Whether something is to be done that every process has a part in, which the first says."""
        return bool(agree(is_due)) if self._shares.is_shared_out else is_due

    def _clock(self) -> float:
        """Seconds spent; where they decide anything, all processes go by one clock."""
        spent = time.perf_counter() - self._began
        return agree(spent) if self._settings.time_limit_seconds else spent

    def _reason_to_stop(self) -> str:
        here, settings = self._position, self._settings
        if here.epoch >= (settings.stop_epoch or settings.epochs):
            return "epochs"
        if settings.time_limit_seconds and here.seconds >= settings.time_limit_seconds:
            return "clock"  # A batch more would be followed by another look at the validation rows.
        if settings.patience and self._evaluate is not None:
            since_best = len(here.history) - self._best_index() - 1
            if since_best >= settings.patience:
                return "plateau"
        return ""

    def _best_index(self) -> int:
        """The latest epoch that is not shown to be worse than the best-scored one.

        That is, within one standard error of it (the rule of Breiman et al., 1984, for choosing among trees). A few
        hundred rows cannot tell neighbouring epochs apart, and of two that look alike the later one, whose learning
        rate was smaller, is mostly the better on new rows.
        """
        history = self._position.history
        if self._evaluate is None:
            return len(history) - 1
        top = max(history, key=lambda epoch: epoch["score"])
        worst = top["score"] - top.get("score_error", 0.0)
        return max(index for index, epoch in enumerate(history) if epoch["score"] >= worst)

    def _finish(self) -> Outcome:
        here = self._position
        if self._best:
            self._put_back(self._best)
        best = here.history[self._best_index()]
        self._raw.eval()
        return Outcome(
            int(best["epoch"]),
            here.step,
            here.rows,
            here.seconds,
            copy.deepcopy(here.history),
            here.stopped_by,
            copy.deepcopy(here.events),
        )

    @property
    def _loss(self) -> float:
        return self._loss_sum / max(self._loss_batches, 1)

    def _share(self, epoch: int) -> Sequence[np.ndarray]:
        """The batches of this process: each gets as many, so that none waits for another at the end."""
        batches = self._plan(epoch)
        n_shares = n_shares_of_rows()
        if n_shares == 1:
            return batches
        whole = len(batches) - len(batches) % n_shares or n_shares
        return [
            batches[number % len(batches)] for number in range(self._accelerator.process_index, whole, n_shares)
        ]

    def _report(self, *, force: bool = False) -> None:
        now = time.perf_counter()
        if not force and now - self._since_report < SECONDS_BETWEEN_REPORTS:
            return
        self._since_report = now
        here = self._position
        progress = self._schedule.progress(step=here.step, seconds=here.seconds)
        facts = {
            "step": here.step,
            "epoch": min(here.epoch + 1, self._settings.epochs),
            "rows_per_second": here.rows / max(here.seconds, 1e-9),
        }
        if self._loss_batches:
            facts["loss"] = self._loss
        if here.history and "accuracy" in here.history[-1]:
            facts["validation_accuracy"] = here.history[-1]["accuracy"]
        if progress > 0:
            facts["minutes_left"] = here.seconds * (1 - progress) / progress / 60
        total = len(self._rows) * self._settings.epochs
        self._listener(Progress(self._what, min(here.rows, total), total, facts=facts))

    def _save(self) -> None:
        writes = self._accelerator.is_main_process
        if self._checkpoints is None or not (writes or self._shares.is_shared_out):
            return
        is_over = bool(self._position.stopped_by)
        tensors = gathered(self._state(is_over), keep=writes)
        if writes:
            facts = {**vars(self._position), "loss_sum": self._loss_sum, "loss_batches": self._loss_batches}
            self._checkpoints.save(Checkpoint(tensors, facts), kept=1 if is_over else KEPT)
        self._since_checkpoint = time.perf_counter()

    def _state(self, is_over: bool) -> dict[str, torch.Tensor]:
        """The tensors of a checkpoint; of a run that is over only the best weights are still of use."""
        weights = self._learned()
        tensors = {
            f"model.{name}": weight
            for name, weight in ((self._best or weights) if is_over else weights).items()
        }
        tensors["random"] = torch.get_rng_state()
        if is_over:
            return tensors
        tensors |= {f"best.{name}": weight for name, weight in self._best.items()}
        if self._hook is not None:
            tensors |= {f"hook.{name}": tensor for name, tensor in self._hook.state().items()}
        for index, weight in enumerate(self._weights):
            for name, value in self._optimizer.state.get(weight, {}).items():
                if torch.is_tensor(value):  # A momentum is none before the first step.
                    tensors[f"optimizer.{index}.{name}"] = value
        return tensors

    def _learned(self) -> dict[str, torch.Tensor]:
        return {name: weight for name, weight in self._raw.state_dict().items() if name not in self._still}

    def _put_back(self, weights: dict[str, torch.Tensor]) -> None:
        here = self._raw.state_dict()
        self._raw.load_state_dict(
            here | {name: like(weight, here.get(name)) for name, weight in weights.items()}
        )

    def _restore(self) -> None:
        kept = self._checkpoints.load_last() if self._checkpoints else None
        if kept is None:
            return
        facts = dict(kept.facts)
        self._loss_sum, self._loss_batches = facts.pop("loss_sum"), facts.pop("loss_batches")
        self._position = Position(**facts)
        self._put_back(_under("model.", kept.tensors))
        if self._hook is not None:
            self._hook.restore(_under("hook.", kept.tensors))
        self._best = _under("best.", kept.tensors)
        for index, weight in enumerate(self._weights):
            state = _under(f"optimizer.{index}.", kept.tensors)
            if state:
                # The count of steps stays where the optimizer keeps it; moments go where the weights are.
                self._optimizer.state[weight] = {
                    name: value if name == "step" else like(value, weight) for name, value in state.items()
                }
        torch.set_rng_state(kept.tensors["random"])


def _under(prefix: str, tensors: Any) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
