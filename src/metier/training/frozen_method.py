"""What methods on a frozen base have in common, whatever it reads: features once, a linear head, an answer kind.

A family says how the base is found (`_resolve`), how items become features (`_features`), what is kept of the rows
(`_keep`) and how it is exported.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from metier.bases.base import Base
from metier.progress import Listener, ignore
from metier.tasks.answers import Decodable
from metier.tasks.examples import Examples
from metier.tasks.inputs import InputKind
from metier.tasks.method_settings import MethodSettings
from metier.training.heads.frozen_heads import FrozenHead, Rows


class OnFrozenBase:
    """Features by a frozen base, a linear head, and a kind of answers.

    Attributes
    ----------
    base_ : Base
        The base that was used.
    head_ : FittedHead
        Weight and bias of the head, and its decoder.
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    """

    name: ClassVar[str]
    input: ClassVar[InputKind]
    answer: ClassVar[Decodable]
    head: ClassVar[FrozenHead]
    Settings: ClassVar[type[MethodSettings]]
    base: Any
    base_: Base
    get_params: Any  # Of scikit-learn's estimators, which a method is too.

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn what `X` is."""
        return self.input.tags(super().__sklearn_tags__())  # type: ignore[misc]

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Embed the items, or look their vectors up, and fit the head.

        Without `validation`, rows are held out to make the choices on; the head is then fitted on all.
        """
        self.Settings.of(self)
        examples, held = self._read_rows(X, y, validation)
        self._resolve(examples, listener)
        known, judged = (
            None if part is None else Rows(self._features(part.items, listener), part)
            for part in (examples, held)
        )
        assert known is not None
        self.head_ = self.head.fit(known, judged, self.answer, self.get_params(deep=False))
        self._keep(examples, held)
        return self

    def answers(self, X: Any) -> Any:
        """Give the answer to each item with how sure it is."""
        check_is_fitted(self)
        return self._answer(self._read(X))

    def __sklearn_is_fitted__(self) -> bool:
        """Say whether a fit came to its end: one that a listener stopped has found its base and no head."""
        return hasattr(self, "facts_")

    def _read_rows(
        self, X: Any, y: Any, validation: tuple[Any, Any] | None
    ) -> tuple[Examples, Examples | None]:
        examples = self.answer.check(self.input.read(X), y)
        if validation is None:
            return examples, None
        return examples, self.answer.check(self.input.read(validation[0]), validation[1], known=examples)

    def _resolve(self, examples: Examples, listener: Listener) -> None:
        """Find the base as `base_`."""
        raise NotImplementedError

    def _features(self, items: Sequence[Any], listener: Listener = ignore) -> np.ndarray:
        """Give what the head takes, an ndarray of shape (n_items, n_features)."""
        raise NotImplementedError

    def _keep(self, examples: Examples, held: Examples | None) -> None:
        """Keep what answering, the export and another fit need of the rows."""
        head = self.head_
        self.classes_ = examples.labels
        self.chosen_params_: dict[str, Any] = {"base": self.base_.name, **head.chosen, **head.decoder.chosen}
        self.facts_: dict[str, Any] = {"base": self.base_.name, **head.facts}

    def _logits(self, items: Sequence[Any]) -> np.ndarray:
        return self.head_.logits(self._features(items))

    def _answer(self, items: Sequence[Any]) -> Any:
        return self.head_.decoder.answer(self._logits(items), self.name)

    def _probabilities(self, items: Sequence[Any]) -> np.ndarray:
        return np.asarray(self.head_.decoder.probabilities(self._logits(items)))

    def _read(self, X: Any) -> Sequence[Any]:
        return self.input.read(X)
