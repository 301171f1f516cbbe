"""The base taught which texts belong together; a pair is judged by the cosine of its two vectors."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from metier.bases.known_bases import cutter_of
from metier.errors import CallError, DataError
from metier.export.graph_export import Exported, export_graph, keep_report, pooled, sample_of, typical_rows
from metier.export.precision_choice import EquivalenceCheck
from metier.progress import Listener, ignore
from metier.tasks.answers.label import LabelDecoder
from metier.tasks.estimators import PairClassifier
from metier.tasks.matching import find_match_label
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.pairs import Pair, PairExamples, as_pairs, check_pairs
from metier.text.language import detect_language
from metier.training.contrastive import Matches, tune_vectors
from metier.training.encoder_settings import check_settings, resolve_base_of
from metier.training.fine_tuned import FineTuned, label_split
from metier.training.heads.linear_probe import Probe, fit_probe
from metier.training.inherited_settings import with_settings_of
from metier.training.training_cost import Cost, measure_training
from metier.transformer.frozen.pair_vectors import compared, distinct_texts, trained_vectors

COMPARISON = "cosine"
# Where no pair can be held out, a cosine of a half has to be the border.
UNFITTED_HEAD = {"weight": [[-5.0], [5.0]], "bias": [2.5, -2.5]}


@with_settings_of(FineTuned)
class BiEncoder(PairClassifier, FineTuned):
    """A pretrained encoder fine-tuned so that texts that match lie together [1]_; logistic regression on the cosine.

    Each text has a vector of its own [2]_, so those of a collection are computed once and a query is answered by one
    product with them. Learns from the matches, and holds every other text of the batch against them; pairs
    that are known not to match join as further texts. With some hundred pairs prefer `FrozenPair`; where only the
    answer to a pair counts and not its speed, try `CrossEncoder` too.

    Parameters
    ----------
    match_label : str, default=None
        The label that says that two texts belong together; None: recognised, see `tasks.matching`.
    token_budget : int, default=2048
        Tokens of a batch, padding included; the more, the more texts are told apart at once.
    ranking_temperature : float, default=0.05
        What cosines are divided by in training.
    head : mapping, default=None
        `weight` and `bias` of the logistic curve over the cosine; None: fitted on validation.
    settings : see `FineTuned`

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
    capabilities: ClassVar[Capabilities] = Capabilities(
        cost=CostRank.FINE_TUNED, needs_base=True, takes_adaptation=True, trains_together=True
    )
    learned = (*FineTuned.learned, "classes_", "encoder_", "probe_")
    probe_: Probe | None
    _unseen: PairExamples | None
    has_head = False  # None that trains with the encoder.

    def __init__(
        self,
        *,
        match_label: str | None = None,
        token_budget: int = 2048,
        ranking_temperature: float = 0.05,
        head: Mapping[str, Any] | None = None,
        **settings: Any,
    ):
        super().__init__(token_budget=token_budget, **settings)
        self.match_label = match_label
        self.ranking_temperature = ranking_temperature
        self.head = head

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Fine-tune the base on pairs of texts and their labels, one label a pair.

        Without `validation`, and unless `stop_epoch` and `head` are set, a first training on some of the pairs
        makes the choices on the others, and a second one trains on all pairs with them.

        Raises
        ------
        DataError
            If nobody says which label means a match, or no pair has it.
        """
        check_settings(self)
        examples = check_pairs(X, y)
        unseen = None if validation is None else check_pairs(*validation, classes=examples.classes)
        return self._fit(examples, unseen, listener)

    def fit_matches(self, pairs: Any, *, validation: Any = None, listener: Listener = ignore) -> Self:
        """Learn vectors for searching from pairs that all match, such as questions and their answers.

        Afterwards `vectors` and `export` answer; `predict` cannot, for nothing says where a match ends.

        Parameters
        ----------
        pairs : sequence of pairs
        validation : sequence of pairs, optional
            Matches too; epochs are compared by the rank at which the partners are found.
        """
        check_settings(self)
        seen, unseen = as_pairs(pairs), None if validation is None else as_pairs(validation)
        self._tune(
            Matches(seen, np.ones(len(seen), dtype=bool)),
            None if unseen is None else Matches(unseen, np.ones(len(unseen), dtype=bool)),
            listener,
        )
        self.classes_, self._unseen, self.probe_ = np.array([], dtype=str), None, None
        return self

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Give the vector of each text, of length 1, an ndarray of float32 of shape (n_texts, hidden_size)."""
        check_is_fitted(self)
        return trained_vectors(self.encoder_, self.base_, texts)

    def _probabilities(self, items: Sequence[Any]) -> np.ndarray:
        if self.probe_ is None:
            raise CallError(
                "`fit_matches` learns vectors and no border between labels. Use `fit` on pairs with at least "
                "two labels, or search with `vectors`."
            )
        return self.probe_.probabilities(self._numbers(items))

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.onnx.onnx_bi_encoder` answers from, and a Hugging Face folder."""
        check_is_fitted(self)
        probe, unseen = self.probe_, self._unseen
        exported = Exported(
            "onnx_bi_encoder.v1",
            self.name,
            self.base_,
            pooled(self.encoder_, self.base_, unit_length=True),
            LabelDecoder(tuple(map(str, self.classes_)), 1.0 if probe is None else probe.temperature),
            head={} if probe is None else {"weight": probe.weight, "bias": probe.bias},
            settings={"comparison": COMPARISON},
        )
        check = None if unseen is None else EquivalenceCheck.of_labels(unseen.pairs, unseen.truth)
        sample = sample_of(self.base_, self._sample)
        report = export_graph(exported, folder, check=check, sample=sample, precision=self.precision)
        keep_report(self, report)

    def measure(self, X: Any, y: Any = None, *, n_batches: int = 3) -> Cost:
        """Time a few real batches of these pairs and say what an epoch costs here; nothing is learned."""
        check_settings(self)
        texts = [text for pair in as_pairs(X) for text in pair]
        base = resolve_base_of(self, language=detect_language(texts).main_language)
        return measure_training(
            base,
            cutter_of(base).first(texts),
            n_classes=2,
            token_budget=self.token_budget,
            dropout=self.dropout,
            adaptation=self.adaptation,
            n_batches=n_batches,
        )

    def _match_position(self, examples: PairExamples) -> int:
        labels = [str(label) for label in examples.classes]
        match = find_match_label(labels, stated=self.match_label)
        if match is None:
            raise DataError(
                f"{self.name} learns from pairs that match, but none of the labels {', '.join(map(repr, labels))} "
                "is known to say so. State it: match_label."
            )
        return labels.index(match)

    def _fit(self, examples: PairExamples, unseen: PairExamples | None, listener: Listener) -> Self:
        match = self._match_position(examples)
        if unseen is None and (self.stop_epoch is None or self.head is None):
            split = label_split(examples, random_state=self.random_state)
            return self._choose_then_fit(examples, split, {"head": self.head or UNFITTED_HEAD}, listener)
        self._tune(
            Matches(examples.pairs, examples.truth == match),
            None if unseen is None else Matches(unseen.pairs, unseen.truth == match),
            listener,
        )
        self.classes_, self._unseen = examples.classes, unseen
        probe = self._fit_head(examples, unseen)
        self.probe_ = probe
        head = {"weight": probe.weight.tolist(), "bias": probe.bias.tolist()}
        self.chosen_params_ |= {"head": head}
        return self

    def _tune(self, seen: Matches, unseen: Matches | None, listener: Listener) -> None:
        texts = distinct_texts(seen.pairs)
        self.base_ = resolve_base_of(self, language=detect_language(texts).main_language)
        self.encoder_, tuned = tune_vectors(self, self.base_, seen, unseen, listener=listener)
        self._sample = typical_rows(texts)
        self.facts_: dict[str, Any] = {"base": self.base_.name, **tuned.facts}
        self.chosen_params_: dict[str, Any] = {"base": self.base_.name, **tuned.chosen}

    def _fit_head(self, examples: PairExamples, unseen: PairExamples | None) -> Probe:
        """Fit the curve on pairs that were not trained on: those that were lie closer together than others do."""
        if self.head is not None:
            return Probe(np.array(self.head["weight"]), np.array(self.head["bias"]), C=1.0, temperature=1.0)
        assert unseen is not None
        if len(np.unique(unseen.truth)) < len(examples.classes):
            unseen = PairExamples(
                [*unseen.pairs, *examples.pairs],
                np.concatenate([unseen.truth, examples.truth]),
                examples.classes,
            )
        return fit_probe(self._numbers(unseen.pairs), unseen.truth, C=1.0, temperature=1.0)

    def _numbers(self, pairs: Sequence[Pair]) -> np.ndarray:
        texts = distinct_texts(pairs)
        vectors = dict(zip(texts, self.vectors(texts), strict=True))
        return compared(pairs, vectors, COMPARISON)
