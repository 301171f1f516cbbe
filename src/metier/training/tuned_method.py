"""What encoders have in common that are fine-tuned whole under a linear head whose margins mean something else."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from metier.bases.base import Base
from metier.bases.embedding import embed_ids
from metier.bases.known_bases import cutter_of, load_model
from metier.export.graph_export import Exported, export_graph, keep_report, pooled, sample_of, typical_rows
from metier.export.precision_choice import EquivalenceCheck
from metier.progress import Listener, ignore
from metier.text.language import detect_language
from metier.training.batching import TokenisedRows
from metier.training.encoder_settings import check_settings, resolve_base_of
from metier.training.fine_tuned import FineTuned
from metier.training.fine_tuning import Tuned, TuningSettings, checkpoints_of, fine_tune
from metier.training.heads.pooled_classifier import PooledClassifier
from metier.training.inherited_settings import with_settings_of
from metier.training.objectives import objective_of
from metier.training.training_cost import Cost, measure_training


@with_settings_of(FineTuned)
class TunedEncoder(FineTuned):
    """A pretrained encoder, mean-pooled, and a linear head, trained together.

    A special case says what its rows are (`_check`, `_inputs`, `_truth`, `_splits`), where its head starts
    (`_start_of_head`), what its logits mean (`answers`), how epochs are compared (`_score`), what makes answers of
    margins (`_settle`), and what its predictor is (`_exported`, `_equivalence_check`). Of a text past the
    limit of the base every epoch learns one window (see `window_shares`), and the margins of all are averaged in answering.

    Parameters
    ----------
    objective : str, default=None
        What is put on the method's own loss, joined by `+`: `r_drop:0.5`, `fgm:1`, `pgd:1:3`, `simcse:0.1`, `ewc:1`; see
        `training.objectives.composition` and `training.objectives.answer_kinds`.
    C : float, default=None
        Inverse strength of the penalty of the linear solution that the head starts from; None: chosen on validation.
    settings : see `FineTuned`
    """

    name = "tuned_encoder"
    learned: ClassVar[tuple[str, ...]] = (*FineTuned.learned, "model_")

    def __init__(self, *, objective: str | None = None, C: float | None = None, **settings: Any):
        super().__init__(**settings)
        self.objective = objective
        self.C = C

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Fine-tune the base.

        Without `validation`, and unless all that validation chooses is set, a first training on nine tenths of the
        rows makes the choices on the last tenth, and a second one trains on all rows with them.
        """
        check_settings(self)
        examples = self._check(X, y)
        unseen = None if validation is None else self._check(*validation, known=examples)
        return self._fit(examples, unseen, listener)

    def export(self, folder: Path) -> None:
        """Leave the files that the predictor answers from, and a Hugging Face folder."""
        check_is_fitted(self)
        check = None if self._unseen is None else self._equivalence_check(self._unseen)
        sample = sample_of(self.base_, self._sample)
        report = export_graph(self._exported(), folder, check=check, sample=sample, precision=self.precision)
        keep_report(self, report)

    def measure(self, X: Any, y: Any = None, *, n_batches: int = 3) -> Cost:
        """Time a few real batches of these texts and say what an epoch costs here; nothing is learned."""
        check_settings(self)
        inputs = self._read(X)
        base = self._resolve(inputs)
        return measure_training(
            base,
            cutter_of(base).first(inputs),
            n_classes=2,
            token_budget=self.token_budget,
            dropout=self.dropout,
            adaptation=self.adaptation,
            n_batches=n_batches,
        )

    def margins(self, inputs: Sequence[Any]) -> np.ndarray:
        """Give the margins of texts or pairs, averaged over windows: float64 of shape (n_inputs, n_margins)."""

        def run(ids: Sequence[Sequence[int]]) -> np.ndarray:
            return self.model_.logits(TokenisedRows(ids, None, self.model_.pad_id))

        return cutter_of(self.base_).average(run, inputs)

    def _fit(self, examples: Any, unseen: Any | None, listener: Listener) -> Self:
        if unseen is None and not self._is_settled():
            split = next(self._splits(examples, check_random_state(self.random_state)), None)
            return self._choose_then_fit(examples, split, self._unsettled(examples), listener)
        inputs = self._inputs(examples)
        self.base_ = self._resolve(inputs)
        self._unseen = unseen
        self._sample = list(typical_rows(inputs))
        self._fine_tune(examples, unseen, listener)
        return self

    def _resolve(self, inputs: Sequence[Any]) -> Base:
        texts = [value if isinstance(value, str) else " ".join(value) for value in inputs]
        return resolve_base_of(self, language=detect_language(texts).main_language)

    def _fine_tune(self, examples: Any, unseen: Any | None, listener: Listener) -> None:
        base, cutter = self.base_, cutter_of(self.base_)
        encoder = load_model(base)
        pad_id = int(encoder.config.pad_token_id or 0)
        rows = TokenisedRows.cut(cutter, self._inputs(examples), None, pad_id)
        away = None if unseen is None else TokenisedRows.cut(cutter, self._inputs(unseen), None, pad_id)
        C, weight, bias = self._start_of_head(
            examples,
            self._vectors(encoder, rows, listener),
            None if unseen is None or away is None else (unseen, self._vectors(encoder, away, listener)),
        )
        self.model_ = PooledClassifier(encoder, weight, bias, normalise=base.normalise)
        self.model_.set_dropout(self.dropout)
        # The truth comes last: what it is counted in may be learned with the head.
        rows = replace(rows, truth=self._truth(examples))
        away = None if away is None else replace(away, truth=self._truth(unseen))
        tuned = self._tune(rows, away, listener)
        self.facts_: dict[str, Any] = {"base": base.name, **tuned.facts}
        settled = self._settle(examples, unseen)
        self.chosen_params_: dict[str, Any] = {"base": base.name, "C": C, **tuned.chosen, **settled}

    def _tune(self, rows: TokenisedRows, away: TokenisedRows | None, listener: Listener) -> Tuned:
        parts = [part for part in (rows, away) if part is not None]
        return fine_tune(
            self.model_,
            rows,
            objective=objective_of(self, self.model_, rows),
            settings=TuningSettings.of(self),
            validation=away,
            score=self._score,
            checkpoints=checkpoints_of(
                self,
                self.base_,
                [own for part in parts for own in part.ids],
                [part.truth.tobytes() for part in parts if part.truth is not None],
            ),
            what=f"{self.name}: fine-tuning {self.base_.name}",
            listener=listener,
        )

    def _vectors(self, encoder: Any, rows: TokenisedRows, listener: Listener) -> np.ndarray:
        return rows.mean(embed_ids(encoder, rows.ids, normalise=self.base_.normalise, listener=listener))

    def _weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Weight and bias of the trained head, in float64."""
        head = self.model_.head
        return tuple(array.detach().cpu().numpy().astype(np.float64) for array in (head.weight, head.bias))  # type: ignore[return-value]

    def _is_settled(self) -> bool:
        """Whether all is set that validation would choose."""
        raise NotImplementedError

    def _unsettled(self, examples: Any) -> dict[str, Any]:
        """What else to set where nothing can be chosen."""
        raise NotImplementedError

    def _read(self, X: Any) -> Sequence[Any]:
        """Give texts, or pairs, of what the method was handed."""
        raise NotImplementedError

    def _check(self, X: Any, y: Any, *, known: Any | None = None) -> Any:
        """Check rows; `known` are the training rows when these are validation rows."""
        raise NotImplementedError

    def _inputs(self, examples: Any) -> Sequence[Any]:
        """Give the texts or pairs of checked rows."""
        raise NotImplementedError

    def _truth(self, examples: Any) -> np.ndarray:
        """Give what the objective compares with."""
        raise NotImplementedError

    def _splits(self, examples: Any, random: np.random.RandomState) -> Iterator[tuple[Any, Any]]:
        """Give rows to learn from and rows to choose on."""
        raise NotImplementedError

    def _start_of_head(
        self, examples: Any, vectors: np.ndarray, away: tuple[Any, np.ndarray] | None
    ) -> tuple[float, np.ndarray, np.ndarray]:
        """Give C, weight and bias of the linear solution on the frozen base."""
        raise NotImplementedError

    def _score(self, model: PooledClassifier, rows: TokenisedRows) -> dict[str, float]:
        """Say how good a model is on rows it has not seen; see `fine_tuning.Score`."""
        raise NotImplementedError

    def _settle(self, examples: Any, unseen: Any | None) -> dict[str, Any]:
        """Fix what makes answers of margins, and give it as arguments of another fit."""
        raise NotImplementedError

    def _exported(self) -> Exported:
        """What the predictor is made of."""
        raise NotImplementedError

    def _exported_with(self, kind: str, decoder: Any, weight: np.ndarray, bias: np.ndarray) -> Exported:
        module, head = pooled(self.model_.encoder, self.base_), {"weight": weight, "bias": bias}
        return Exported(kind, self.name, self.base_, module, decoder, head=head, settings={"reading": "whole"})

    def _equivalence_check(self, unseen: Any) -> EquivalenceCheck:
        """Give the rows that INT8 has to prove itself on."""
        raise NotImplementedError


def mean_and_error(losses: np.ndarray) -> dict[str, float]:
    """Give the score of rows' losses, more being better, and its standard error."""
    return {"score": -float(losses.mean()), "score_error": float(losses.std() / np.sqrt(len(losses)))}
