"""A method whose settings are searched: successive halving, from many short trials to one full training."""

import importlib
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from metier import catalogue
from metier.errors import SettingsError
from metier.evaluation.row_measures import higher_is_better, measure
from metier.predictors.loading import name_as
from metier.progress import Listener, Progress, ignore
from metier.selection.scores import measure_of
from metier.selection.search.search_spaces import propose, space_of
from metier.storage import write_text
from metier.tasks.method_contract import Capabilities, CostRank, GivesProbabilities
from metier.tasks.task_table import known_task

# Of each rung of the ladder a third goes on, as Hyperband has it.
KEPT = 3
ROWS_OF_A_FIRST_TRIAL = 1 / 3
TRIALS_FILE = "trials.json"


@dataclass
class Trial:
    """One set of settings, and how far it came.

    Parameters
    ----------
    number : int
        0 is the defaults.
    params : dict
        What differs from the defaults.
    rung : int
        0: a third of the rows once; 1: all rows once; 2: trained whole.
    passes : float
        Over the training rows, at this rung.
    score : float
        The metric on validation; more is better.
    seconds : float
    """

    number: int
    params: dict[str, Any]
    rung: int
    passes: float
    score: float
    seconds: float


class Searched(BaseEstimator):
    """Search the settings of a method that fine-tunes: successive halving [1]_ over what TPE [2]_ proposes.

    Settings are tried on a third of the rows for one epoch; a third of them continues with one epoch over all rows;
    the best of those is fully trained beside the defaults, and the better of the two on validation is kept. So a
    search costs time and is never worse than the defaults on validation; because it chooses among many settings on a
    few hundred rows, its validation score is optimistic, and the test scores show the real gain.

    Parameters
    ----------
    method : str, default=None
        Whose settings; a method of the catalogue that is fine-tuned. None: the most expensive one of classification.
    base : str, default="auto"
        For the method.
    epochs : int, default=15
        Passes over the training rows that the whole search may make, the two whole trainings included.
    metric : str, default="accuracy"
        What is compared on validation.
    negative_label : str, default=None
        The label that says "no relation", which some metrics leave out.
    arguments : dict, default=None
        What else the method is given, the same in every trial.
    params : dict, default=None
        Settings that were found: nothing is searched, one method is trained with them.
    optimizers : bool, default=False
        Whether the optimizer and the schedule of its rate are searched, too.
    time_limit_minutes : float, default=None
        No trial is begun that would leave too little for the whole trainings; None: no limit.
    checkpoint_folder : path, default=None
        Keep trials there, and go on from those found there.
    random_state : int, default=0

    Attributes
    ----------
    best_ : fitted method
    chosen_params_ : dict
        `params` for a refit without search.
    facts_ : dict
        Every trial, and how the best one trained.

    References
    ----------
    .. [1] Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", 2016,
       arXiv:1502.07943.
    .. [2] Bergstra et al., "Algorithms for hyper-parameter optimization", 2011.
    """

    name = "searched.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.SEVERAL_FITS, needs_base=True)

    def __init__(
        self,
        *,
        method: str | None = None,
        base: str = "auto",
        epochs: int = 15,
        metric: str = "accuracy",
        negative_label: str | None = None,
        arguments: dict[str, Any] | None = None,
        params: dict[str, Any] | None = None,
        optimizers: bool = False,
        time_limit_minutes: float | None = None,
        checkpoint_folder: str | Path | None = None,
        random_state: int = 0,
    ):
        self.method = method
        self.base = base
        self.epochs = epochs
        self.metric = metric
        self.negative_label = negative_label
        self.arguments = arguments
        self.params = params
        self.optimizers = optimizers
        self.time_limit_minutes = time_limit_minutes
        self.checkpoint_folder = checkpoint_folder
        self.random_state = random_state

    @property
    def fewest_epochs(self) -> int:
        """Passes below which there is no search: two whole trainings and a first rung of three."""
        return 2 * int(self._plain().get_params(deep=False)["epochs"]) + 2

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Search on rows and their targets, as the method takes them, and keep the best.

        Raises
        ------
        SettingsError
            Without `validation` and without `params`: trials are compared on rows they have not seen. If the method
            makes no epochs, or `epochs` is below `fewest_epochs`.
        """
        plain = self._plain()
        if self.params is not None:
            self.best_ = plain.set_params(**self.params)
            self.best_.fit(X, y, validation=validation, listener=listener)
            self._close({"params": dict(self.params)}, [])
            return self
        if validation is None:
            raise SettingsError(
                ["there are no validation rows and no params"], origin=f"The settings of {self.name}"
            )
        if self.epochs < self.fewest_epochs:
            raise SettingsError(
                [
                    f"epochs is {self.epochs}, and a search of {self.searched} needs {self.fewest_epochs} passes over the "
                    f"rows; give it as many, or train {self.searched} alone"
                ],
                origin=f"The settings of {self.name}",
            )
        search = _Search(self, plain, list(X), list(y), validation=validation, listener=listener)
        self.best_, params = search.run()
        self._close({"params": params}, search.trials)
        return self

    def predict(self, X: Any) -> Any:
        """Answer as the best one does."""
        check_is_fitted(self)
        return self.best_.predict(X)

    def export(self, folder: Path) -> None:
        """Leave the best one's files."""
        check_is_fitted(self)
        self.best_.export(folder)
        name_as(folder, self.name)
        precision = self.best_.chosen_params_.get("precision")
        if precision is not None:
            self.chosen_params_["params"]["precision"] = precision
        self.facts_ |= self.best_.facts_

    def measure(self, X: Any, y: Any = None) -> Any:
        """Time a few real batches of the method; nothing is learned."""
        return self._plain().measure(X, y)

    @property
    def searched(self) -> str:
        """The method whose settings are searched."""
        return self.method or default_method()

    def _plain(self) -> Any:
        """Give the method as it is without a search, unfitted."""
        if not catalogue.capabilities(self.searched).is_fine_tuned:
            raise SettingsError(
                [
                    f"method is {self.searched!r}, which is not fine-tuned and chooses its settings itself; "
                    f"expected a fine-tuned method, such as {default_method()}"
                ],
                origin=f"The settings of {self.name}",
            )
        kept = {"random_state": self.random_state, **(self.arguments or {})}
        return catalogue.resolve(self.searched)(base=self.base, **kept)

    def _close(self, chosen: dict[str, Any], trials: Sequence[Trial]) -> None:
        learned = vars(self.best_)
        for name in {"classes_", "labels_"} & set(learned):
            setattr(self, name, learned[name])
        if isinstance(
            self.best_, GivesProbabilities
        ):  # Of an object alone: not every method that is searched does.
            self.predict_proba = self.best_.predict_proba
        own = {name: value for name, value in self.best_.chosen_params_.items() if name != "base"}
        self.chosen_params_ = {"params": chosen["params"] | own}
        self.facts_: dict[str, Any] = {
            **self.best_.facts_,
            "searched": self.searched,
            "params": chosen["params"],
            "trials": [asdict(trial) for trial in trials],
        }


def default_method() -> str:
    """Give the method that is searched when none is named."""
    fine_tuned = [
        name for name in known_task("classification").candidates if catalogue.capabilities(name).is_fine_tuned
    ]
    return fine_tuned[-1]


class _Search:
    """One search over one split of the rows."""

    def __init__(
        self,
        settings: Searched,
        plain: Any,
        X: list[Any],
        y: list[Any],
        *,
        validation: tuple[Any, Any],
        listener: Listener,
    ):
        self.settings, self.plain = settings, plain
        self.X, self.y, self.validation, self.listener = X, y, validation, listener
        self.trials: list[Trial] = []
        self._known = self._read_trials()
        self._began = time.monotonic()
        self._fitted: dict[int, Any] = {}
        self.whole = int(plain.get_params(deep=False)["epochs"])

    def run(self) -> tuple[Any, dict[str, Any]]:
        """Climb the ladder; give the best fitted method and what of its settings is not default."""
        first = self._first_rung()
        second = [self._try(one.number, one.params, rung=1) for one in _best(first, len(first) // KEPT)]
        finalists: dict[int, dict[str, Any]] = {0: {}} | {one.number: one.params for one in _best(second, 1)}
        last = [self._try(number, params, rung=2) for number, params in finalists.items()]
        # On a tie the defaults: they were chosen on more than these rows.
        winner = max(last, key=lambda trial: (trial.score, -trial.number))
        return self._fitted[winner.number], winner.params

    def _first_rung(self) -> list[Trial]:
        optuna = importlib.import_module("optuna")  # The extra metier[train]: only a search needs it.
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(
            direction="maximize", sampler=optuna.samplers.TPESampler(seed=self.settings.random_state)
        )
        space, found = space_of(self.plain, optimizers=self.settings.optimizers), []
        for number in range(self._n_first()):
            asked = study.ask()
            params = propose(asked, space)
            trial = self._try(number, {} if number == 0 else params, rung=0)
            if number:
                study.tell(asked, trial.score)
            found.append(trial)
            if self._must_stop(trial.seconds):
                break
        return found

    def _n_first(self) -> int:
        """So many first trials that their third, each a whole pass, and two whole trainings stay in the budget."""
        left = self.settings.epochs - 2 * self.whole
        return max(KEPT, int(left / (ROWS_OF_A_FIRST_TRIAL + 1 / KEPT)))

    def _must_stop(self, seconds_of_a_first_trial: float) -> bool:
        limit = self.settings.time_limit_minutes
        if limit is None:
            return False
        a_pass = seconds_of_a_first_trial / ROWS_OF_A_FIRST_TRIAL
        n_second = max(1, len(self.trials) // KEPT)
        return time.monotonic() - self._began + (n_second + 2 * self.whole) * a_pass > limit * 60

    def _try(self, number: int, params: Mapping[str, Any], *, rung: int) -> Trial:
        known = self._known.get((number, rung))
        if known is not None and rung < 2:
            self.trials.append(known)
            return known
        self.listener(Progress(f"{self.settings.name}: trial {number}, rung {rung + 1} of 3", 0, None, unit=""))
        epochs = self.whole if rung == 2 else 1
        method = clone(self.plain).set_params(**params, epochs=epochs)
        if rung == 2 and self.settings.checkpoint_folder is not None:
            method.set_params(checkpoint_folder=Path(self.settings.checkpoint_folder) / f"trial-{number}")
        X, y = self._rows(rung)
        began = time.monotonic()
        method.fit(X, y, validation=self.validation, listener=self.listener)
        passes = epochs * len(X) / len(self.X)
        trial = Trial(number, dict(params), rung, passes, self._score(method), time.monotonic() - began)
        if rung == 2:
            self._fitted[number] = method
        self.trials.append(trial)
        self._write_trials()
        return trial

    def _rows(self, rung: int) -> tuple[list[Any], list[Any]]:
        """Give a third of the rows for a first trial, the same for all, with every label in it; else all."""
        if rung:
            return self.X, self.y
        order = np.random.default_rng(self.settings.random_state).permutation(len(self.X))
        wanted = math.ceil(len(order) * ROWS_OF_A_FIRST_TRIAL)
        picked = _every_label_first(order, self.y)[:wanted]
        return [self.X[place] for place in picked], [self.y[place] for place in picked]

    def _score(self, method: Any) -> float:
        items, truth = self.validation
        answers, metric = list(method.predict(items)), self.settings.metric
        order = (self.settings.arguments or {}).get("order")
        if order is not None:  # Grades are compared by their places.
            place = {grade: number for number, grade in enumerate(order)}
            truth, answers = [place[grade] for grade in truth], [place[grade] for grade in answers]
        found = float(measure(measure_of(metric, self.settings.negative_label), list(truth), answers))
        return found if higher_is_better(metric) else -found

    def _read_trials(self) -> dict[tuple[int, int], Trial]:
        path = self._trials_path
        if path is None or not path.exists():
            return {}
        return {(one["number"], one["rung"]): Trial(**one) for one in json.loads(path.read_text("utf-8"))}

    def _write_trials(self) -> None:
        if self._trials_path is not None:
            self._trials_path.parent.mkdir(parents=True, exist_ok=True)
            write_text(self._trials_path, json.dumps([asdict(trial) for trial in self.trials], indent=1))

    @property
    def _trials_path(self) -> Path | None:
        folder = self.settings.checkpoint_folder
        return None if folder is None else Path(folder) / TRIALS_FILE


def _best(trials: Sequence[Trial], n: int) -> list[Trial]:
    """Give the best trials, at least one; of equals the earlier."""
    return sorted(trials, key=lambda trial: (-trial.score, trial.number))[: max(1, n)]


def _every_label_first(order: np.ndarray, y: Sequence[Any]) -> list[int]:
    """Give the positions so that the first ones show every label: a sample without one cannot be learned from."""
    seen: set[str] = set()
    first: list[int] = []
    rest: list[int] = []
    for place in order.tolist():
        labels = labels_of(y[place])
        (rest if labels <= seen else first).append(place)
        seen |= labels
    return [*first, *rest]


def labels_of(target: Any) -> set[str]:
    """Give the labels in a target of whatever task; none where it is a number or a text of its own."""
    if isinstance(target, str):
        return {target}
    if isinstance(target, Mapping):
        return set()
    if isinstance(target, Sequence | np.ndarray):
        parts = list(target)
        if parts and isinstance(parts[0], str):
            return set(map(str, parts))
        return {str(part[2]) for part in parts if isinstance(part, Sequence) and len(part) == 3}
    return set()
