"""What methods that teach another one by items without targets have in common: its settings, its answers, its files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from metier import catalogue
from metier.errors import SettingsError
from metier.predictors.loading import name_as
from metier.progress import Listener, ignore
from metier.tasks.method_contract import Capabilities, GivesProbabilities, StatesFacts
from metier.tasks.method_settings import MethodSettings


class TaughtSettings(MethodSettings):
    """What every method that teaches another one by unlabelled items can be set to."""

    method: str | None = Field(
        None, description="The method that is taught; None: as the task's table names it."
    )
    base: Any = Field("auto", description="Base of that method, where it stands on one.")
    epochs: int | None = Field(
        None, ge=1, description="Epochs of that method, where it makes some; None: its own default."
    )
    precision: Literal["auto", "fp32", "int8"] = Field(
        "auto", description="Precision in which that method is exported, where it has a choice."
    )
    arguments: Any = Field(None, description="What else that method is set to.")
    unlabelled: Any = Field(None, description="Unlabelled items of the same kind.")
    params: Any = Field(None, description="What an earlier fit chose; None: chosen here.")
    time_limit_minutes: float | None = Field(
        None, gt=0, description="Training time of that method; None: train for all epochs."
    )
    checkpoint_folder: Any = Field(None, description="Folder for checkpoints.")
    random_state: Any = Field(0, description="Seed of everything random.")


class Taught(BaseEstimator):
    """A method that also learned from unlabelled items; a special case says how (`_teach`).

    Attributes
    ----------
    best_ : fitted method
        The one that was taught.
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        How it was taught, and how it was trained.
    """

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    Settings: ClassVar[type[TaughtSettings]]
    method: str | None
    base: Any
    epochs: int | None
    precision: str
    arguments: Any
    unlabelled: Any
    params: Any
    time_limit_minutes: float | None
    checkpoint_folder: Any
    random_state: Any

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Learn from items and their targets, as the method takes them, and from items without."""
        settings = self.Settings.of(self)
        items = list(self.unlabelled or ())
        self.best_, facts = self._teach(settings, items, X, y, validation=validation, listener=listener)
        learned = vars(self.best_)
        for name in {"classes_", "labels_"} & set(learned):
            setattr(self, name, learned[name])
        if isinstance(
            self.best_, GivesProbabilities
        ):  # Of an object alone: not every method that is taught does.
            self.predict_proba = self.best_.predict_proba
        own = {name: value for name, value in self.best_.chosen_params_.items() if name != "base"}
        self.chosen_params_: dict[str, Any] = {"params": {**(self.params or {}), **own}}
        taught = {"taught": self.method, "unlabelled": len(items)}
        self.facts_: dict[str, Any] = {
            **(self.best_.facts_ if isinstance(self.best_, StatesFacts) else {}),
            **taught,
            **facts,
        }
        return self

    def predict(self, X: Any) -> Any:
        """Answer as the method does that was taught."""
        check_is_fitted(self)
        return self.best_.predict(X)

    def answers(self, X: Any) -> Any:
        """Give the answer to each item with how sure that method is."""
        check_is_fitted(self)
        return self.best_.answers(X)

    def export(self, folder: Path) -> None:
        """Leave that method's files."""
        check_is_fitted(self)
        self.best_.export(folder)
        name_as(folder, self.name)

    def _teach(
        self,
        settings: Any,
        items: list[Any],
        X: Any,
        y: Any,
        *,
        validation: tuple[Any, Any] | None,
        listener: Listener,
    ) -> tuple[Any, dict[str, Any]]:
        """Give the fitted method, and facts of how it was taught."""
        raise NotImplementedError

    def _plain(self, **given: Any) -> Any:
        """Give the method that is taught, unfitted, with what the settings say of it."""
        if self.method is None:
            fault = "method is None, expected the name of the method that is taught"
            raise SettingsError([fault], origin=f"The settings of {self.name}")
        wanted = catalogue.resolve(self.method)
        ours = {
            "base": self.base,
            "precision": self.precision,
            "time_limit_minutes": self.time_limit_minutes,
            "checkpoint_folder": self.checkpoint_folder,
            "random_state": self.random_state,
            **({} if self.epochs is None else {"epochs": self.epochs}),
            **given,
        }
        takes: Sequence[str] = wanted._get_param_names()
        kept = {name: value for name, value in ours.items() if name in takes}
        return wanted(**{**(self.arguments or {}), **kept, **(self.params or {})})
