"""Methods that fine-tune an encoder, by composition: an input kind, a head, an answer kind.

`TunedMethod` is the composition and fits; `TunedEstimator` makes a scikit-learn estimator of one, for the versioned names.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from metier.bases.base import Base
from metier.data import read
from metier.export.graph_export import export_graph, keep_report, typical_rows
from metier.export.precision_choice import EquivalenceCheck
from metier.progress import Listener, ignore
from metier.tasks.answers import Decodable
from metier.tasks.examples import Examples
from metier.tasks.inputs import InputKind
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import MethodSettings
from metier.text.language import detect_language
from metier.training.batch import Rows
from metier.training.encoder_settings import HeadSettings, LabelSettings, SmoothedSettings
from metier.training.fine_tuning import checkpoints_of, fine_tune
from metier.training.heads.head import Calibrates, Head, Ready, Task
from metier.training.objectives import Objective, objective_of
from metier.training.training_cost import Cost

# What a run has to know of a method that fine-tunes an encoder; some have more.
FINE_TUNING = Capabilities(
    cost=CostRank.FINE_TUNED,
    needs_base=True,
    takes_adaptation=True,
    takes_objective=True,
    trains_together=True,
)
# Of one whose head learns soft targets, too.
TAUGHT_SOFTLY = replace(FINE_TUNING, takes_soft_labels=True)


@dataclass(frozen=True)
class UnlabelledUse:
    """What a method makes of texts without labels: as it stands, nothing; a special case changes some of its parts."""

    def base(self, base: Base, settings: Any, listener: Listener) -> tuple[Base, dict[str, Any]]:
        """Give the base that is fine-tuned, and facts."""
        return base, {}

    def learned(self, ready: Ready, base: Base, settings: Any, objective: Objective) -> tuple[Ready, Objective]:
        """Give rows and what is minimised on them."""
        return ready, objective

    def cost(self, cost: Cost, settings: Any) -> Cost:
        """Give what a fit costs with these texts."""
        return cost


@dataclass(frozen=True)
class Fitted:
    """What a fit leaves.

    Parameters
    ----------
    base : Base
    reader : Any
        What turns items into what the model reads, as the head has it.
    model : Module
    decoder : Decoder
    chosen : dict
        Arguments with which another fit needs no validation.
    facts : dict
        How training went.
    validation : Examples or None
        Rows that INT8 has to prove itself on.
    sample : sequence
        Typical items.
    """

    base: Base
    reader: Any
    model: Any
    decoder: Any
    chosen: dict[str, Any]
    facts: dict[str, Any]
    validation: Examples | None
    sample: Sequence[Any]


@dataclass(frozen=True)
class TunedMethod:
    """A pretrained encoder, fine-tuned with a head for answers of one kind.

    Parameters
    ----------
    input : InputKind
    head : Head
    answer : Decodable
    unlabelled : UnlabelledUse, optional
    checked_with : tuple of str
        Settings that targets are checked with: the order of grades.
    """

    input: InputKind
    head: Head
    answer: Decodable
    unlabelled: UnlabelledUse = UnlabelledUse()
    checked_with: tuple[str, ...] = ()

    def fit(
        self, settings: Any, examples: Examples, validation: Examples | None, *, name: str, listener: Listener
    ) -> Fitted:
        """Fine-tune the base.

        Without validation rows, and unless all that they choose is set, a first training on some of the rows makes the
        choices on the others, and a second one trains on all rows with them.
        """
        choices = (settings.stop_epoch, *self._given(settings, self._choices).values())
        if validation is not None or None not in choices:
            return self._train(settings, examples, validation, name=name, listener=listener)
        split = self.answer.held_out(examples, random_state=settings.random_state)
        if split is None:  # Nothing can be chosen: train to the end, and leave the logits as they are.
            neutral = self.answer.decoder(examples, **dict(settings))
            chosen = {"stop_epoch": settings.epochs, **neutral.chosen}
        else:
            trial = in_part(settings, "choice")
            chosen = self._train(trial, *split, name=name, listener=listener).chosen
        final = in_part(settings, "all").model_copy(update=chosen)
        return self._train(final, examples, None, name=name, listener=listener)

    def logits(self, fitted: Fitted, items: Sequence[Any]) -> Any:
        """Give what the decoder makes answers of."""
        return self.head.logits(fitted.model, fitted.reader, items)

    def export(self, fitted: Fitted, folder: Path, *, name: str, precision: str) -> Any:
        """Leave the files that the predictor answers from, and a Hugging Face folder."""
        found, sample = self.head.exported(fitted.model, fitted.reader), fitted.sample
        exported = found.named(self.head.kind, name, fitted.base, fitted.decoder)
        held = fitted.validation
        return export_graph(
            exported,
            folder,
            check=None if held is None else EquivalenceCheck.of(self.answer, held),
            sample=self.head.sample(fitted.reader, sample),
            precision=precision,
            typical=sample,
        )

    def measure(self, settings: Any, items: Sequence[Any], y: Any, *, n_batches: int) -> Cost:
        """Time a few real batches of items and say what an epoch costs here; nothing is learned."""
        base = self.base(settings, items)
        reader = self.head.reader(base, settings)
        cost = self.head.cost(reader, base, items, y, settings, n_batches=n_batches)
        return self.unlabelled.cost(cost, settings)

    def base(self, settings: HeadSettings, items: Sequence[Any]) -> Base:
        """Give the base for these items."""
        language = detect_language(self.input.texts(items)).main_language
        return settings.resolve(language=language)

    def _train(
        self, settings: Any, examples: Examples, validation: Examples | None, *, name: str, listener: Listener
    ) -> Fitted:
        base, before = self.unlabelled.base(self.base(settings, examples.items), settings, listener)
        reader = self.head.reader(base, settings)
        task = Task(self.answer, examples, validation)
        ready = self.head.ready(reader, base, task, settings, listener)
        objective = self.objective(settings, ready, reader)
        ready, objective = self.unlabelled.learned(ready, base, settings, objective)
        parts = [part for part in (ready.rows, ready.validation) if part is not None]
        checkpoints = checkpoints_of(settings, base, parts)
        tuned = fine_tune(
            ready.model,
            ready.rows,
            objective=objective,
            settings=settings,
            validation=ready.validation,
            score=ready.score,
            checkpoints=checkpoints,
            what=f"{name}: fine-tuning {base.name}",
            listener=listener,
        )
        decoder = self.decoder(settings, ready, reader, examples, validation)
        more: dict[str, Any] = {}
        if isinstance(self.head, Calibrates):
            more = self.head.calibrate(ready.model, reader, decoder, task, settings)
        chosen = {"base": base.name, **ready.chosen, **tuned.chosen, **decoder.chosen, **more}
        facts = {"base": base.name, **ready.facts, **tuned.facts, **before}
        sample = list(typical_rows(examples.items))
        return Fitted(base, reader, ready.model, decoder, chosen, facts, validation, sample)

    def decoder(
        self, settings: Any, ready: Ready, reader: Any, examples: Examples, validation: Examples | None
    ) -> Any:
        """Give what makes answers of logits: chosen on validation rows where the settings leave something to choose."""
        if validation is None or None not in self._given(settings, self.answer.chooses).values():
            return self.answer.decoder(examples, **dict(settings))
        logits = self.head.logits(ready.model, reader, validation.items)
        return self.answer.fit_decoder(
            logits if isinstance(logits, np.ndarray) else list(logits), validation, **dict(settings)
        )

    def objective(self, settings: HeadSettings, ready: Ready, reader: Any) -> Objective:
        """Give what training minimises."""
        old_rows: Rows | None = None
        if settings.old_rows is not None:
            items = self.input.read(self._old_items(settings.old_rows))
            old_rows = self.head.unlabelled(reader, items, ready.model)
        return objective_of(
            settings.objective,
            ready.model,
            ready.rows,
            learning=settings.learning,
            label_smoothing=settings.label_smoothing if isinstance(settings, SmoothedSettings) else 0.0,
            class_weights=settings.class_weights if isinstance(settings, LabelSettings) else None,
            old_rows=old_rows,
            random_state=settings.random_state,
        )

    def _old_items(self, old_rows: Any) -> Any:
        return self.input.from_rows(read(old_rows)) if isinstance(old_rows, str | Path) else old_rows

    @property
    def _choices(self) -> tuple[str, ...]:
        """What is chosen on validation besides the epoch: by the answers, and by the head."""
        return (*self.answer.chooses, *(self.head.calibrates if isinstance(self.head, Calibrates) else ()))

    def _given(self, settings: Any, names: Sequence[str]) -> dict[str, Any]:
        """What would be chosen on validation, as far as it is set."""
        return {name: dict(settings)[name] for name in names}


def in_part(settings: Any, part: str) -> Any:
    """Give settings whose checkpoints lie in a folder of their own."""
    folder = settings.checkpoint_folder
    return (
        settings if folder is None else settings.model_copy(update={"checkpoint_folder": Path(folder) / part})
    )


class TunedEstimator(BaseEstimator):
    """A scikit-learn estimator of a `TunedMethod`; one for each versioned name.

    Attributes
    ----------
    base_ : Base
        The base that was used.
    model_ : Module
        Encoder and head.
    decoder_ : Decoder
        What makes answers of logits.
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        How training went: epochs, steps, why it stopped, what each epoch scored.
    """

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities] = FINE_TUNING
    method: ClassVar[TunedMethod]
    Settings: ClassVar[type[MethodSettings]]

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn what `X` is."""
        return self.method.input.tags(super().__sklearn_tags__())

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        validation: tuple[Any, Any] | None = None,
        soft: Any = None,
        listener: Listener = ignore,
    ) -> Self:
        """Fine-tune the base on items and what answers each.

        Without `validation`, and unless `stop_epoch` and what the answers need are set, a first training on some of the
        rows makes the choices on the others, and a second one trains on all rows with them.

        Parameters
        ----------
        soft : array of shape (n_items, n_classes) or list, optional
            What labelling rules or a teacher think of each item, as the kind of answers takes it (`check_soft`): of one
            label probabilities of the labels of `y`, sorted; of spans their probabilities; of a score another one. They
            are learned in the place of `y`; with `distillation` in the objective, beside it.

        Raises
        ------
        SettingsError
            If settings are out of range, all faults at once, or `soft` is not of that shape or not of probabilities.
        """
        settings, method = self.Settings.of(self), self.method
        options = {name: dict(settings)[name] for name in method.checked_with}
        examples = method.answer.check(method.input.read(X), y, **options)
        if soft is not None:
            examples = replace(examples, soft=method.answer.check_soft(soft, examples))
        held = None
        if validation is not None:
            held = method.answer.check(method.input.read(validation[0]), validation[1], known=examples)
        fitted = method.fit(settings, examples, held, name=self.name, listener=listener)
        self._keep(fitted, examples.labels)
        return self

    def predict(self, X: Any) -> Any:
        """Give the answer to each item."""
        return self.answers(X).predicted

    def answers(self, X: Any) -> Any:
        """Give the answer to each item with how sure it is."""
        check_is_fitted(self)
        return self._answer(self.method.input.read(X))

    def learning_from(self, unlabelled: "UnlabelledUse") -> Self:
        """Give an unfitted one that makes this of items without labels besides."""
        taught = clone(self)
        taught.method = replace(self.method, unlabelled=unlabelled)  # type: ignore[misc]  # Of this one alone.
        return taught

    def export(self, folder: Path) -> None:
        """Leave the files that the predictor answers from, and a Hugging Face folder."""
        check_is_fitted(self)
        fitted = replace(self._fitted, decoder=self.decoder_)
        report = self.method.export(fitted, folder, name=self.name, precision=self.get_params()["precision"])
        keep_report(self, report)

    def measure(self, X: Any, y: Any = None, *, n_batches: int = 3) -> Cost:
        """Time a few real batches of these items and say what an epoch costs here; nothing is learned."""
        settings = self.Settings.of(self)
        return self.method.measure(settings, self.method.input.read(X), y, n_batches=n_batches)

    def _keep(self, fitted: Fitted, labels: np.ndarray) -> None:
        self._fitted = fitted
        self.base_, self.model_, self.decoder_ = fitted.base, fitted.model, fitted.decoder
        self.chosen_params_: dict[str, Any] = fitted.chosen
        self.facts_: dict[str, Any] = fitted.facts

    def _logits(self, items: Sequence[Any]) -> Any:
        """Give the logits of checked items."""
        return self.method.logits(self._fitted, items)

    def _read(self, X: Any) -> Sequence[Any]:
        return self.method.input.read(X)

    def _answer(self, items: Sequence[Any]) -> Any:
        return self.decoder_.answer(self._logits(items), self.name)


class GivesProbabilities(TunedEstimator):
    """An estimator whose answers are a choice among labels.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    """

    classes_: np.ndarray

    def _keep(self, fitted: Fitted, labels: np.ndarray) -> None:
        super()._keep(fitted, labels)
        self.classes_ = labels

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the probability of each label for each item.

        Returns
        -------
        ndarray of float64 of shape (n_items, n_classes)

        Raises
        ------
        NotFittedError
            If called before `fit`.
        """
        check_is_fitted(self)
        return np.asarray(self.decoder_.probabilities(self._logits(self._read(X))))


class TunedClassifier(ClassifierMixin, GivesProbabilities):
    """An estimator whose answers are one label, the most probable one."""

    def predict(self, X: Any) -> np.ndarray:
        """Give the most probable label for each item."""
        probabilities = self.predict_proba(X)  # First: it says when nothing was fitted.
        return np.asarray(self.classes_[probabilities.argmax(axis=1)])


class TunedLabelSets(GivesProbabilities):
    """An estimator whose answers are sets of labels, each with a probability by itself."""

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn that `y` is sets of labels."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
