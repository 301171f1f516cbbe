"""The base taught which texts belong together; a pair is judged by the cosine of its two vectors."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field
from sklearn.utils.validation import check_is_fitted

from metier.bases.base import Base
from metier.bases.known_bases import cutter_of
from metier.errors import CallError, DataError
from metier.export.graph_export import Exported, export_graph, keep_report, pooled, sample_of, typical_rows
from metier.export.precision_choice import EquivalenceCheck
from metier.progress import Listener, ignore
from metier.tasks.answers import LABEL
from metier.tasks.answers.label import LabelDecoder
from metier.tasks.estimators import PairClassifier
from metier.tasks.examples import Examples
from metier.tasks.inputs import PAIR
from metier.tasks.inputs.pair import Pair, as_pairs
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import with_settings
from metier.tasks.text_pair import find_match_label
from metier.text.language import detect_language
from metier.training.contrastive import Matches, VectorSettings, tune_vectors
from metier.training.heads.linear_probe import Probe, fit_probe
from metier.training.training_cost import Cost, measure_training
from metier.training.tuned_method import FINE_TUNING, in_part
from metier.transformer.frozen.frozen_vectors import compared, distinct_texts, trained_vectors

COMPARISON = "cosine"
# Where no pair can be held out, a cosine of a half has to be the border.
UNFITTED_HEAD = {"weight": [[-5.0], [5.0]], "bias": [2.5, -2.5]}


class BiEncoderSettings(VectorSettings):
    """What `BiEncoder` can be set to."""

    match_label: str | None = Field(
        None,
        description="The label of two texts that belong together; None: recognised, see `tasks.text_pair`.",
    )
    head: Mapping[str, Any] | None = Field(
        None,
        description="`weight` and `bias` of the logistic curve over the cosine; None: fitted on validation.",
    )


@with_settings(BiEncoderSettings)
class BiEncoder(PairClassifier):
    """A pretrained encoder fine-tuned so that matching texts have similar embeddings [1]_; logistic regression on the
    cosine.

    Each text has its own embedding [2]_, so those of a collection are computed once and a query is answered by one
    matrix product. It learns from matching pairs, with all other texts of the batch as negatives; known non-matching
    pairs are additional negatives. With some hundred pairs prefer `FrozenPair`; where accuracy on pairs matters more
    than speed, also try `CrossEncoder`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`; empty after `fit_matches`.
    base_ : Base
        The base that was used.
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        How training went.

    References
    ----------
    .. [1] Henderson et al., "Efficient natural language response suggestion for smart reply", 2017,
       arXiv:1705.00652.
    .. [2] Reimers and Gurevych, "Sentence-BERT", 2019, arXiv:1908.10084.
    """

    name = "bi_encoder.v1"
    capabilities: ClassVar[Capabilities] = replace(FINE_TUNING, takes_objective=False)
    probe_: Probe | None
    _validation: Examples | None

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Fine-tune the base on pairs of texts and their labels, one label a pair.

        Without `validation`, and unless `stop_epoch` and `head` are set, a first training on some of the pairs
        makes the choices on the others, and a second one trains on all pairs with them.

        Raises
        ------
        DataError
            If it is unknown which label means a match, or no pair has it.
        """
        settings = BiEncoderSettings.of(self)
        examples = LABEL.check(PAIR.read(X), y)
        held = None
        if validation is not None:
            held = LABEL.check(PAIR.read(validation[0]), validation[1], known=examples)
        if held is None and None in (settings.stop_epoch, settings.head):
            settings = self._chosen(settings, examples, listener)
        return self._fit(settings, examples, held, listener)

    def fit_matches(self, pairs: Any, *, validation: Any = None, listener: Listener = ignore) -> Self:
        """Learn vectors for searching from pairs that all match, such as questions and their answers.

        Afterwards `vectors` and `export` answer; `predict` cannot, for nothing says where a match ends.

        Parameters
        ----------
        pairs : sequence of pairs
        validation : sequence of pairs, optional
            Matches too; epochs are compared by the rank at which the partners are found.
        """
        settings = BiEncoderSettings.of(self)
        known, held = (None if part is None else as_pairs(part) for part in (pairs, validation))
        assert known is not None
        self._tune(
            settings,
            Matches(known, np.ones(len(known), dtype=bool)),
            None if held is None else Matches(held, np.ones(len(held), dtype=bool)),
            listener,
        )
        self.classes_, self._validation, self.probe_ = np.array([], dtype=str), None, None
        return self

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Give the vector of each text, of length 1, an ndarray of float32 of shape (n_texts, hidden_size)."""
        check_is_fitted(self)
        return trained_vectors(self.encoder_, self.base_, texts)

    def export(self, folder: Path) -> None:
        """Leave the files that the predictor answers from, and a Hugging Face folder."""
        check_is_fitted(self)
        probe, held = self.probe_, self._validation
        exported = Exported(
            "onnx_bi_encoder.v1",
            self.name,
            self.base_,
            pooled(self.encoder_, self.base_, unit_length=True),
            LabelDecoder(tuple(map(str, self.classes_)), 1.0 if probe is None else probe.temperature),
            head={} if probe is None else {"weight": probe.weight, "bias": probe.bias},
            settings={"comparison": COMPARISON},
        )
        check = None if held is None else EquivalenceCheck.of(LABEL, held)
        sample = sample_of(self.base_, self._sample)
        precision = BiEncoderSettings.of(self).precision
        report = export_graph(exported, folder, check=check, sample=sample, precision=precision)
        keep_report(self, report)

    def measure(self, X: Any, y: Any = None, *, n_batches: int = 3) -> Cost:
        """Time a few real batches of these pairs and say what an epoch costs here; nothing is learned."""
        settings = BiEncoderSettings.of(self)
        texts = PAIR.texts(PAIR.read(X))
        base = self._resolve(settings, texts)
        return measure_training(
            base,
            cutter_of(base).first(texts),
            n_classes=2,
            token_budget=settings.token_budget,
            dropout=settings.dropout,
            adaptation=settings.adaptation,
            n_batches=n_batches,
        )

    def _probabilities(self, items: Sequence[Any]) -> np.ndarray:
        if self.probe_ is None:
            raise CallError(
                "`fit_matches` trains embeddings but no decision threshold between labels. Use `fit` on "
                "pairs with at least two labels, or search with `vectors`."
            )
        return self.probe_.probabilities(self._numbers(items))

    def _chosen(self, settings: BiEncoderSettings, examples: Examples, listener: Listener) -> BiEncoderSettings:
        """Make the choices on pairs that were held out; where nothing can be, train to the end."""
        self._match_position(settings, examples)
        split = LABEL.held_out(examples, random_state=settings.random_state)
        chosen = {"stop_epoch": settings.epochs, "head": settings.head or UNFITTED_HEAD}
        if split is not None:
            trial = type(self)(**self.get_params())
            chosen = trial._fit(in_part(settings, "choice"), *split, listener).chosen_params_
        return in_part(settings, "all").model_copy(update=chosen)

    def _match_position(self, settings: BiEncoderSettings, examples: Examples) -> int:
        labels = [str(label) for label in examples.labels]
        match = find_match_label(labels, stated=settings.match_label)
        if match is None:
            raise DataError(
                f"{self.name} learns from pairs that match, but none of the labels {', '.join(map(repr, labels))} "
                "is known to mean a match. State it with match_label."
            )
        return labels.index(match)

    def _fit(
        self, settings: BiEncoderSettings, examples: Examples, held: Examples | None, listener: Listener
    ) -> Self:
        match = self._match_position(settings, examples)
        self._tune(
            settings,
            Matches(examples.items, examples.truth == match),
            None if held is None else Matches(held.items, held.truth == match),
            listener,
        )
        self.classes_, self._validation = examples.labels, held
        self.probe_ = probe = self._fit_head(settings, examples, held)
        head = {"weight": probe.weight.tolist(), "bias": probe.bias.tolist()}
        self.chosen_params_ |= {"head": head}
        return self

    def _tune(
        self, settings: BiEncoderSettings, known: Matches, held: Matches | None, listener: Listener
    ) -> None:
        texts = distinct_texts(known.pairs)
        self.base_ = self._resolve(settings, texts)
        self.encoder_, tuned = tune_vectors(
            settings, self.base_, known, held, name=self.name, listener=listener
        )
        self._sample = typical_rows(texts)
        self.facts_: dict[str, Any] = {"base": self.base_.name, **tuned.facts}
        self.chosen_params_: dict[str, Any] = {"base": self.base_.name, **tuned.chosen}

    def _resolve(self, settings: BiEncoderSettings, texts: Sequence[str]) -> Base:
        return settings.resolve(language=detect_language(texts).main_language)

    def _fit_head(self, settings: BiEncoderSettings, examples: Examples, held: Examples | None) -> Probe:
        """Fit the curve on pairs that were not trained on: those that were lie closer together than others do."""
        if settings.head is not None:
            return Probe(
                np.array(settings.head["weight"]), np.array(settings.head["bias"]), C=1.0, temperature=1.0
            )
        assert held is not None
        pairs, truth = list(held.items), held.truth
        if len(np.unique(truth)) < len(examples.labels):
            pairs, truth = [*pairs, *examples.items], np.concatenate([truth, examples.truth])
        return fit_probe(self._numbers(pairs), truth, C=1.0, temperature=1.0)

    def _numbers(self, pairs: Sequence[Pair]) -> np.ndarray:
        texts = distinct_texts(pairs)
        vectors = dict(zip(texts, self.vectors(texts), strict=True))
        return compared(pairs, vectors, COMPARISON)
