"""What encoders have in common that are fine-tuned whole under a linear head whose margins mean something else."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from metier.progress import Listener, ignore
from metier.text.language import detect_language
from metier.transformer.bases import Base, cutter_of, load_model
from metier.transformer.batching import TokenisedRows
from metier.transformer.embedding import embed_ids
from metier.transformer.encoder_settings import check_settings, resolve_base_of
from metier.transformer.export import SAMPLED_ROWS, Gate
from metier.transformer.fine_tuning import Tuned, TuningSettings, checkpoints_of, fine_tune
from metier.transformer.headed_export import Head, export_headed
from metier.transformer.objectives import Objective
from metier.transformer.pooled_classifier import PooledClassifier
from metier.transformer.preflight import Cost, measure_training


class TunedEncoder(BaseEstimator):
    """A pretrained encoder, mean-pooled, and a linear head, trained together.

    A special case says what its rows are (`_check`, `_inputs`, `_truth`, `_splits`), where its head starts
    (`_start_of_head`), what is minimised (`_objective`), how epochs are compared (`_score`), what makes answers of
    margins (`_settle`), and what its predictor is (`_head`, `_gate`). Of a text past the
    limit of the base every epoch learns one window (see `window_shares`), and the margins of all are averaged in answering.

    Parameters
    ----------
    base : str, default="auto"
        A folder, a known short name, a hub name; `auto` picks by the language of the texts.
    adaptation : str, default="full"
        What of the base trains: `full`, `head`, `top:2`, `lora:8`, `adalora:8`, `prefix:16`, `prompt:16`, `adapter:48`,
        `bitfit` or `ia3`; see `transformer.adaptation`.
    epochs : int, default=3
        Length of the learning-rate schedule.
    stop_epoch : int, default=None
        Stop after this epoch of the schedule and keep its weights; None: the best epoch on validation.
    learning_rate : float, default=None
        Of the head and the uppermost layer, at its peak; None: by the number of steps.
    layer_decay : float, default=0.9
        Factor of the learning rate from each layer to the one below.
    weight_decay : float, default=0.01
        Not on norms, biases, embeddings and the head.
    token_budget : int, default=1024
        Tokens of a batch, padding included.
    dropout : float, default=0.0
        Of the encoder while it trains.
    patience : int, default=None
        Stop after this many epochs without a better validation loss; None: never before the last.
    time_limit_minutes : float, default=None
        The learning rate reaches zero by then; None: train for all epochs.
    checkpoint_folder : path, default=None
        Keep checkpoints there, and go on from the last one found there.
    C : float, default=None
        Inverse strength of the penalty of the linear solution that the head starts from; None: chosen on validation.
    precision : {"auto", "fp32", "int8"}, default="auto"
        Of the exported encoder; `auto` keeps INT8 only where it is proved equal and measured faster.
    random_state : int, default=0
    """

    name = "tuned_encoder"
    # What a fit leaves behind; a special case adds its own.
    learned: tuple[str, ...] = ("base_", "model_", "chosen_params_", "facts_", "_unseen", "_sample")

    def __init__(
        self,
        *,
        base: str = "auto",
        adaptation: str = "full",
        epochs: int = 3,
        stop_epoch: int | None = None,
        learning_rate: float | None = None,
        layer_decay: float = 0.9,
        weight_decay: float = 0.01,
        token_budget: int = 1024,
        dropout: float = 0.0,
        patience: int | None = None,
        time_limit_minutes: float | None = None,
        checkpoint_folder: str | Path | None = None,
        C: float | None = None,
        precision: str = "auto",
        random_state: int = 0,
    ):
        self.base = base
        self.adaptation = adaptation
        self.epochs = epochs
        self.stop_epoch = stop_epoch
        self.learning_rate = learning_rate
        self.layer_decay = layer_decay
        self.weight_decay = weight_decay
        self.token_budget = token_budget
        self.dropout = dropout
        self.patience = patience
        self.time_limit_minutes = time_limit_minutes
        self.checkpoint_folder = checkpoint_folder
        self.C = C
        self.precision = precision
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn that `X` is a list of texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags

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
        report = export_headed(
            self.model_.encoder,
            self.base_,
            folder,
            self._head(),
            unseen=None if self._unseen is None else self._gate(self._unseen),
            sample=self._sample,
            precision=self.precision,
        )
        # What validation decided holds for a refit on all rows too, which has no rows left to decide on.
        self.chosen_params_["precision"] = report.chosen
        self.facts_["export"] = asdict(report)

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
            return self._choose_then_fit(examples, listener)
        inputs = self._inputs(examples)
        self.base_ = self._resolve(inputs)
        self._unseen = unseen
        # Evenly: files are often sorted by label.
        self._sample = list(inputs[:: max(1, len(inputs) // SAMPLED_ROWS)])
        self._fine_tune(examples, unseen, listener)
        return self

    def _resolve(self, inputs: Sequence[Any]) -> Base:
        texts = [value if isinstance(value, str) else " ".join(value) for value in inputs]
        return resolve_base_of(self, language=detect_language(texts).main_language)

    def _choose_then_fit(self, examples: Any, listener: Listener) -> Self:
        # Where nothing can be held out, nothing can be chosen: train to the end and leave the margins alone.
        chosen: dict[str, Any] = {"stop_epoch": self.epochs, **self._unsettled(examples)}
        split = next(self._splits(examples, check_random_state(self.random_state)), None)
        if split is not None:
            kept, held = split
            chosen = self._sibling("choice")._fit(kept, held, listener).chosen_params_
        final = self._sibling("all").set_params(**chosen)._fit(examples, None, listener)
        for name in self.learned:
            setattr(self, name, getattr(final, name))
        return self

    def _sibling(self, part: str) -> Self:
        folder = None if self.checkpoint_folder is None else Path(self.checkpoint_folder) / part
        return clone(self).set_params(checkpoint_folder=folder)

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
            objective=self._objective(),
            settings=TuningSettings.of(self),
            unseen=away,
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

    def _objective(self) -> Objective:
        raise NotImplementedError

    def _score(self, model: PooledClassifier, rows: TokenisedRows) -> dict[str, float]:
        """Say how good a model is on rows it has not seen; see `fine_tuning.Score`."""
        raise NotImplementedError

    def _settle(self, examples: Any, unseen: Any | None) -> dict[str, Any]:
        """Fix what makes answers of margins, and give it as arguments of another fit."""
        raise NotImplementedError

    def _head(self) -> Head:
        """What the predictor is made of besides the encoder."""
        raise NotImplementedError

    def _gate(self, unseen: Any) -> Gate:
        """Give the rows that INT8 has to prove itself on."""
        raise NotImplementedError


def mean_and_error(losses: np.ndarray) -> dict[str, float]:
    """Give the score of rows' losses, more being better, and its standard error."""
    return {"score": -float(losses.mean()), "score_error": float(losses.std() / np.sqrt(len(losses)))}
