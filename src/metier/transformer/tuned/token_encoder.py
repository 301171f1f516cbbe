"""The base fine-tuned whole with a head on every token: spans found by an encoder."""

import json
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from tokenizers import Tokenizer

from metier.bases.known_bases import load_model, load_tokenizer
from metier.export.graph_export import Exported, export_graph, keep_report, typical_rows
from metier.export.precision_choice import EquivalenceCheck
from metier.features.token_windows import Frame, cut, read_whole, unit_values
from metier.progress import Listener, ignore
from metier.tasks.bio import Span, tag_names
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.scored_spans import ScoredSpan, SpanCalibration
from metier.tasks.span_fit import fit_decoder
from metier.tasks.tag_decoding import TagDecoder, places
from metier.tasks.tagging import TaggedTexts, check_tagged
from metier.text.casing import casings
from metier.text.given_texts import as_texts
from metier.text.language import detect_language
from metier.training.encoder_settings import check_settings, resolve_base_of
from metier.training.fine_tuned import FineTuned
from metier.training.fine_tuning import TuningSettings, checkpoints_of, fine_tune
from metier.training.heads.token_classifier import TokenClassifier, TokenStates
from metier.training.heads.token_probe import start_head
from metier.training.inherited_settings import with_settings_of
from metier.training.objectives import objective_of
from metier.training.training_cost import Cost, measure_training
from metier.transformer.tuned.tagged_windows import Cutter, CutTexts


@with_settings_of(FineTuned)
class TokenEncoder(FineTuned):
    """A pretrained encoder fine-tuned whole, a linear head on the first subword of each token [1]_.

    How a token is written adds to its tags too: small encoders read everything in lower case. Tags come out as
    the likeliest sequence that is legal. Scripts without spaces are read by character. A text past the base's
    limit is read in windows with a quarter overlap. The head starts from the solution on the frozen base, as that of
    `Encoder` does. Every epoch is scored on validation by the F1 of spans. It needs some hundred rows; with fewer, or
    without a processor to spare, prefer `Crf`.

    Parameters
    ----------
    epochs : int, default=6
        Length of the learning-rate schedule.
    learning_rate : float, default=3e-4
        Of the head and the uppermost layer, at its peak.
    dropout : float, default=0.1
        Of the encoder while it trains.
    label_smoothing : float, default=0.0
        Share of the target that is spread over all tags.
    objective : str, default=None
        What is put on the cross-entropy of the tags, or `focal:2` in its place, joined by `+`: `r_drop:0.5`, `fgm:1`,
        `pgd:1:3`, `ewc:1`; see `training.objectives.composition`.
    outside_bias : float, default=None
        Added to the logit of O, see `TagDecoder`; None: chosen on validation.
    calibration : (slope, intercept), default=None
        Of the spans' probabilities; None: fitted on validation.
    settings : see `FineTuned`

    Attributes
    ----------
    labels_ : tuple of str
    base_ : Base
    decoder_ : TagDecoder
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        How training went; `unaligned_spans` counts those whose edges are no edges of tokens.

    References
    ----------
    .. [1] Devlin et al., "BERT: pre-training of deep bidirectional transformers for language understanding",
       2019, arXiv:1810.04805.
    """

    name = "token_encoder.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(
        cost=CostRank.FINE_TUNED,
        needs_base=True,
        takes_adaptation=True,
        takes_objective=True,
        trains_together=True,
    )
    learned = (*FineTuned.learned, "labels_", "model_", "decoder_")
    answers = "tags"

    def __init__(
        self,
        *,
        epochs: int = 6,
        learning_rate: float | None = 3e-4,
        dropout: float = 0.1,
        label_smoothing: float = 0.0,
        objective: str | None = None,
        outside_bias: float | None = None,
        calibration: tuple[float, float] | None = None,
        **settings: Any,
    ):
        super().__init__(epochs=epochs, learning_rate=learning_rate, dropout=dropout, **settings)
        self.label_smoothing = label_smoothing
        self.objective = objective
        self.outside_bias = outside_bias
        self.calibration = calibration

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Fine-tune the base on texts and their spans, a list of [start, end, label] for each text.

        Without `validation`, and unless every choice is set, a first training on nine tenths of the rows makes
        the choices on the last tenth, and a second one trains on all rows with them.
        """
        check_settings(self)
        examples = check_tagged(X, y)
        unseen = None if validation is None else check_tagged(*validation, labels=examples.labels)
        return self._fit(examples, unseen, listener)

    def predict(self, X: Any) -> list[list[Span]]:
        """Give the spans of each text as [start, end, label], in order."""
        return [places(spans) for spans in self.predict_spans(X)]

    def predict_spans(self, X: Any) -> list[list[ScoredSpan]]:
        """Give the spans of each text with their calibrated probabilities."""
        check_is_fitted(self)
        tokenizer = read_whole(load_tokenizer(self.base_))
        texts = as_texts(X)
        pieces = [cut(tokenizer, text) for text in texts]
        values = unit_values(
            pieces, self._frame(tokenizer), self.model_.run, n_values=len(tag_names(self.labels_))
        )
        added = self.model_.head.casing_weights
        return [
            self.decoder_.spans(logits + added[casings(text, cut_up.offsets)], cut_up.offsets)
            for logits, text, cut_up in zip(values, texts, pieces, strict=True)
        ]

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.onnx.onnx_tagger` answers from, and a Hugging Face folder."""
        check_is_fitted(self)
        tokenizer = read_whole(load_tokenizer(self.base_))
        frame = self._frame(tokenizer)
        head = self.model_.head
        exported = Exported(
            "onnx_tagger.v1",
            self.name,
            self.base_,
            TokenStates(self.model_.encoder),
            self.decoder_,
            head={
                "weight": head.weight.detach().cpu().numpy(),
                "bias": head.bias.detach().cpu().numpy(),
                "casing": head.casing_weights,
            },
            tokenizer=tokenizer,
        )
        pieces = [cut(tokenizer, text) for text in self._sample]
        sample = [frame.around(text, frame.windows(len(text.ids))[0]).tolist() for text in pieces]
        check = None if self._unseen is None else _equivalence_check(self._unseen)
        report = export_graph(exported, folder, check=check, sample=sample, precision=self.precision)
        keep_report(self, report)

    def measure(self, X: Any, y: Any = None, *, n_batches: int = 3) -> Cost:
        """Time a few real batches of these texts and say what an epoch costs here; nothing is learned."""
        check_settings(self)
        texts = as_texts(X)
        base = resolve_base_of(self, language=detect_language(texts).main_language)
        tokenizer = read_whole(load_tokenizer(base))
        frame = Frame.of(tokenizer, prefix=base.prefix, max_length=base.max_length)
        windows: list[Any] = [
            frame.around(pieces, window)
            for pieces in (cut(tokenizer, text) for text in texts)
            for window in frame.windows(len(pieces.ids))
        ]
        # A head on every token costs next to nothing beside the encoder.
        return measure_training(
            base,
            windows,
            n_classes=2,
            token_budget=self.token_budget,
            dropout=self.dropout,
            adaptation=self.adaptation,
            n_batches=n_batches,
        )

    def _frame(self, tokenizer: Tokenizer) -> Frame:
        return Frame.of(tokenizer, prefix=self.base_.prefix, max_length=self.base_.max_length)

    def _fit(self, examples: TaggedTexts, unseen: TaggedTexts | None, listener: Listener) -> Self:
        if unseen is None and None in (self.stop_epoch, self.outside_bias, self.calibration):
            # Where nothing can be chosen, the logits are left alone.
            unsettled = {"outside_bias": 0.0, "calibration": (1.0, 0.0)}
            return self._choose_then_fit(examples, self._split(examples), unsettled, listener)
        self.base_ = resolve_base_of(self, language=detect_language(examples.texts).main_language)
        self.labels_ = examples.labels
        self._unseen = unseen
        self._sample = [str(text) for text in typical_rows(examples.texts)]
        self._fine_tune(examples, unseen, listener)
        return self

    def _split(self, examples: TaggedTexts) -> tuple[TaggedTexts, TaggedTexts] | None:
        """Hold some texts out, if what is left still shows every label."""
        split = next(examples.held_out(check_random_state(self.random_state)), None)
        if split is None or {label for row in split[0].spans for _, _, label in row} != set(examples.labels):
            return None
        return split

    def _fine_tune(self, examples: TaggedTexts, unseen: TaggedTexts | None, listener: Listener) -> None:
        base, tokenizer = self.base_, read_whole(load_tokenizer(self.base_))
        self.model_ = TokenClassifier(load_model(base), len(tag_names(self.labels_)), seed=self.random_state)
        self.model_.set_dropout(self.dropout)
        frame = self._frame(tokenizer)
        cutter = Cutter(tokenizer, frame, self.model_.pad_id)
        seen = cutter.rows(examples)
        away = None if unseen is None else cutter.rows(unseen)
        start_head(self.model_, seen.rows, random_state=self.random_state)
        known = [part for part in (seen, away) if part is not None]
        tuned = fine_tune(
            self.model_,
            seen.rows,
            objective=objective_of(self, self.model_, seen.rows),
            settings=TuningSettings.of(self),
            validation=None if away is None else away.rows,
            score=None if away is None else away.score,
            checkpoints=checkpoints_of(
                self,
                base,
                [ids for part in known for ids in part.rows.ids],
                [json.dumps(part.examples.spans).encode() for part in known],
            ),
            what=f"{self.name}: fine-tuning {base.name}",
            listener=listener,
        )
        self.decoder_ = self._fit_decoder(away)
        calibration = self.decoder_.calibration
        self.facts_: dict[str, Any] = {
            "base": base.name,
            "spans": sum(map(len, examples.spans)),
            "unaligned_spans": seen.n_unaligned,
            "windows": len(seen.rows),
            **tuned.facts,
        }
        self.chosen_params_ = {
            "base": base.name,
            **tuned.chosen,
            "outside_bias": self.decoder_.outside_bias,
            "calibration": (calibration.slope, calibration.intercept),
        }

    def _fit_decoder(self, away: CutTexts | None) -> TagDecoder:
        given = SpanCalibration(*self.calibration) if self.calibration is not None else None
        if away is None or (given is not None and self.outside_bias is not None):
            return TagDecoder(self.labels_, self.outside_bias or 0.0, given or SpanCalibration())
        fitted = fit_decoder(
            away.logits(self.model_),
            [text.offsets for text in away.pieces],
            away.examples.spans,
            self.labels_,
            bias=self.outside_bias,
        )
        return TagDecoder(self.labels_, fitted.outside_bias, given or fitted.calibration)


def _equivalence_check(rows: TaggedTexts) -> EquivalenceCheck:
    """Rows that INT8 has to prove itself on: correct is a text whose spans are found all, and no others."""

    def is_correct(answers: Any, some: slice) -> np.ndarray:
        pairs = zip(answers.predicted, rows.spans[some], strict=True)
        return np.array([found == true for found, true in pairs], dtype=bool)

    return EquivalenceCheck.on_rows([str(text) for text in rows.texts], is_correct)
