"""Few labelled rows: the label names are also training rows, and contrastive tuning is kept where it helps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.utils import check_random_state

from metier.bases.embedding import embed, embed_ids
from metier.bases.huggingface_folder import load_model
from metier.bases.known_bases import cutter_of
from metier.bases.precision import mixed_precision
from metier.evaluation.calibration import log_loss
from metier.features.relation_phrases import named
from metier.progress import Listener, ignore
from metier.tasks.answers import PASSAGE_ANSWER, RANKING, WRITTEN_TEXT
from metier.tasks.examples import Examples
from metier.tasks.folds import held_out
from metier.tasks.inputs import MARKED_TEXT, PAIR
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import with_settings
from metier.training.batching import TokenisedRows
from metier.training.contrastive import BATCH_ROWS, VectorsByLength, balanced_batches
from metier.training.encoder_passes import fastest_attention
from metier.training.heads.frozen_heads import FittedHead
from metier.training.heads.linear_probe import Probe, fit_probe
from metier.training.learning_rate import parameter_groups
from metier.training.loop import Loop, LoopSettings
from metier.training.objectives.supervised_contrastive import contrast
from metier.training.training_cost import Cost
from metier.transformer.frozen.descriptions import verbalised, words_of
from metier.transformer.frozen.frozen_settings import FewShotSettings
from metier.transformer.frozen.frozen_vectors import reading_cost
from metier.transformer.frozen.of_task import (
    OF_GRADES,
    OF_LABEL_SETS,
    OF_PAIRS,
    OF_RELATIONS,
    OF_SCORES,
    OF_TAGS,
    OF_TEXTS,
    OfTask,
    by_task,
)
from metier.transformer.frozen.token_tags import TokenReader, fit_tags

# Above it the rows say by themselves what a label's name would add, and fine-tuning whole pays more.
MOST_ROWS_A_LABEL = 32
# Of 64 rows each: about what three epochs over 850 rows cost.
STEPS = 40
LAYER_DECAY, WEIGHT_DECAY = 0.9, 0.01
NAMED_PAIRS = 8  # Pairs of entities of rows that the name of a relation is said of.
WAYS = by_task(OF_TEXTS, OF_GRADES, OF_RELATIONS, OF_LABEL_SETS, OF_PAIRS, OF_SCORES, OF_TAGS)
REFUSED: Mapping[str, str] = MappingProxyType(
    {
        PASSAGE_ANSWER.name: "where an answer begins and ends takes a base that has read passages with questions "
        "(reader.v1), or one that is asked in words (prompted.v1, endpoint.v1)",
        WRITTEN_TEXT.name: "it has no text to write with (prompted.v1 and endpoint.v1 have)",
        RANKING.name: "frozen_search.v1 needs no labelled row at all",
    }
)


@dataclass(frozen=True)
class _Taught:
    """An encoder, None while it is the frozen base, and the head on it."""

    encoder: Any
    steps: int
    probe: Probe
    facts: dict[str, Any] = field(default_factory=dict)


@with_settings(FewShotSettings)
class FewShot(OfTask):
    """A linear head for few rows per label, with the names of the labels as additional training rows.

    Relations are read as the phrase between their entities, and their names as what is said of two entities; of pairs,
    numbers and sets of labels the head stands on frozen vectors. Tags are a strongly penalised linear head on the states
    of tokens. Measured beside CRF and the linear method of relations in docs/few-labels.md.

    Label names are mostly words: `card_arrival` is one more text about a card that should arrive, which matters where
    there are eight. With `steps` the encoder is tuned before the head is fitted, as SetFit [1]_ does it: embeddings
    of one label are pulled together and others apart; here with supervised contrast over all rows of a batch [2]_
    instead of pairs, with batches drawn as a stream. At 8 rows per label of banking77 the names gained 0.6 points
    over the frozen base alone (5 draws, 95 % interval 0.2 to 0.9), while tuning added nothing, so it is done only on
    request; see docs/measurements.md.

    For up to some 32 rows a label; `FrozenLinear` is the same without names and tuning, `Encoder` gains with more rows.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    base_ : Base
        The base that was used.
    encoder_ : Module or None
        The tuned encoder; None where the frozen base stayed.
    head_ : FittedHead
        Weight and bias of the head, and its decoder.
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        Steps, names learned, and the log-loss on held-out rows of the encoders that were compared.

    References
    ----------
    .. [1] Tunstall et al., "Efficient few-shot learning without prompts", 2022, arXiv:2209.11055.
    .. [2] Khosla et al., "Supervised contrastive learning", 2020, arXiv:2004.11362.
    """

    name = "few_shot.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(
        cost=CostRank.FROZEN, needs_base=True, tasks=tuple(WAYS)
    )
    ways, refused = WAYS, REFUSED
    encoder_: Any = None

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Tune the encoder where that helps, and fit the head.

        Without `validation`, rows are held out to make the choices on; what was chosen is then learned from all.

        Raises
        ------
        SettingsError
            If settings are out of range; all faults are reported together.
        """
        self.Settings.of(self)
        self._check_task()
        self.encoder_ = None
        if self.finds_spans:
            return self._fit_tags(X, y, validation, listener)
        if not self.answer.is_one_label or self.input is PAIR:
            super().fit(X, y, validation=validation, listener=listener)
            return self
        examples, validation_rows = self._read_rows(X, y, validation)
        self._resolve(examples, listener)
        self.classes_ = examples.labels
        self._named_pairs = [named(item) for item in examples.items[:NAMED_PAIRS]] if self._of_relations else []
        taught = self._choose(examples, validation_rows, listener)
        self.encoder_, self.head_ = taught.encoder, FittedHead.of_probe(taught.probe, self.classes_.tolist())
        self._keep(examples, validation_rows)
        self.facts_ |= {"steps": taught.steps, "names_learned": len(self._names()[0]), **taught.facts}
        self.chosen_params_ |= {"steps": taught.steps}
        return self

    @property
    def _of_relations(self) -> bool:
        return self.input is MARKED_TEXT

    def _fit_tags(self, X: Any, y: Any, validation: tuple[Any, Any] | None, listener: Listener) -> Self:
        """Fit a head on the states of tokens."""
        examples, held = self._read_rows(X, y, validation)
        self._resolve(examples, listener)
        self.reader_ = TokenReader(self.base_)
        self.head_ = fit_tags(self.reader_, examples, held, self.get_params(deep=False), listener)
        self._keep(examples, held)
        return self

    def why_not(self, X: Any, y: Any) -> str | None:
        """Say why it should not be a default candidate on these rows; None: it should."""
        if not self.answer.is_one_label:
            return None
        typical = float(np.median(np.unique(np.asarray(y, dtype=object).astype(str), return_counts=True)[1]))
        if typical <= MOST_ROWS_A_LABEL:
            return None
        return (
            f"it is for few rows per label, up to {MOST_ROWS_A_LABEL}, and half of the labels have {typical:.0f} "
            "or more; name it in --candidates to train it anyway"
        )

    def measure(self, X: Any, y: Any = None) -> Cost:
        """Time a few real batches of these rows and say what a fit costs here; nothing is learned."""
        steps = STEPS if self.steps is None else self.steps
        return reading_cost(self.base, X, rows_tuned=2 * steps * BATCH_ROWS)

    def _choose(self, examples: Examples, validation_rows: Examples | None, listener: Listener) -> _Taught:
        """Compare the frozen with the tuned encoder on rows that neither has seen, and learn as the better one."""
        if self.steps is not None:
            if validation_rows is None and self.steps and None in (self.C, self.temperature):
                return self._settled(examples, self.steps, listener)
            return self._teach(examples, validation_rows, self.steps, listener)
        if validation_rows is not None:
            return self._better(examples, validation_rows, listener)
        split = next(held_out(examples.truth, random=check_random_state(self.random_state)), None)
        if (
            split is None
        ):  # One row a label: nothing can be compared, and tuning would have nothing to draw together.
            return self._teach(examples, None, 0, listener)
        kept, held = (examples.take(positions) for positions in split)
        trial = self._better(kept, held, listener)
        like = trial.probe if trial.steps else None
        return replace(self._teach(examples, None, trial.steps, listener, like=like), facts=trial.facts)

    def _settled(self, examples: Examples, steps: int, listener: Listener) -> _Taught:
        """Tune on all rows, the head's settings chosen with an encoder that has not seen the rows it is judged on."""
        split = next(held_out(examples.truth, random=check_random_state(self.random_state)), None)
        if split is None:
            return self._teach(examples, None, steps, listener)
        kept, held = (examples.take(positions) for positions in split)
        trial = self._teach(kept, held, steps, listener)
        return self._teach(examples, None, steps, listener, like=trial.probe)

    def _better(self, examples: Examples, validation_rows: Examples, listener: Listener) -> _Taught:
        tried = [self._teach(examples, validation_rows, steps, listener) for steps in (0, STEPS)]
        losses = [self._loss(taught, validation_rows) for taught in tried]
        facts = {"held_out_log_loss": {"frozen": losses[0], "tuned": losses[1]}}
        return replace(tried[int(losses[1] < losses[0])], facts=facts)

    def _loss(self, taught: _Taught, validation_rows: Examples) -> float:
        """Give the log-loss on held-out rows, which a probe knows unless all its settings were given."""
        if taught.probe.held_out_loss is not None:
            return taught.probe.held_out_loss
        vectors = self._vectors(taught.encoder, self._as_texts(validation_rows.items))
        return log_loss(taught.probe.probabilities(vectors), validation_rows.truth)

    def _teach(
        self,
        examples: Examples,
        validation_rows: Examples | None,
        steps: int,
        listener: Listener,
        *,
        like: Probe | None = None,
    ) -> _Taught:
        """Tune for so many steps and fit the head; with the settings of the head `like`, if given."""
        names, owners = self._names()
        encoder = self._tune(examples, names, owners, steps, listener) if steps else None
        probe = fit_probe(
            self._vectors(encoder, self._as_texts(examples.items), listener),
            examples.truth,
            C=self.C if like is None else like.C,
            temperature=self.temperature if like is None else like.temperature,
            validation=None
            if validation_rows is None
            else (
                self._vectors(encoder, self._as_texts(validation_rows.items), listener),
                validation_rows.truth,
            ),
            always=(self._vectors(encoder, names, listener), owners) if names else None,
            random_state=self.random_state,
        )
        return _Taught(encoder, steps, probe)

    def _names(self) -> tuple[list[str], np.ndarray]:
        """Give the labels' names that are words, and the number of the label of each."""
        if not self.label_names:
            return [], np.array([], dtype=np.int64)
        named_by = [
            (sentence, number)
            for number, label in enumerate(map(str, self.classes_))
            if words_of(label)
            for sentence in self._said_of(label)
        ]
        return [words for words, _ in named_by], np.array([number for _, number in named_by], dtype=np.int64)

    def _said_of(self, label: str) -> list[str]:
        """Give a label's name as the texts that it is one more row of."""
        if self._of_relations:
            return [each for head, tail in self._named_pairs for each in verbalised(label, head, tail, {})]
        return [words_of(label) or label]

    def _features(self, items: Sequence[Any], listener: Listener = ignore) -> np.ndarray:
        if self.input is PAIR or not self.answer.is_one_label:
            return super()._features(items, listener)
        return self._vectors(self.encoder_, self._as_texts(items), listener)

    def _encoder(self) -> torch.nn.Module:
        return super()._encoder() if self.encoder_ is None else self.encoder_

    def _vectors(self, encoder: Any, texts: Sequence[str], listener: Listener = ignore) -> np.ndarray:
        if encoder is None:
            return embed(self.base_, texts, listener=listener)
        return cutter_of(self.base_).average(
            lambda ids: embed_ids(encoder, ids, normalise=self.base_.normalise), texts
        )

    def _tune(
        self, examples: Examples, names: Sequence[str], owners: np.ndarray, steps: int, listener: Listener
    ) -> Any:
        """Give the base drawn towards the labels, its word vectors as they were."""
        torch.manual_seed(self.random_state)
        model = VectorsByLength(load_model(self.base_), dropout=0.0)
        # Few rows show few words: moving these alone would take them away from their neighbours.
        model.encoder.get_input_embeddings().weight.requires_grad_(False)
        truth = np.concatenate([examples.truth, owners])
        ids = cutter_of(self.base_).first([*self._as_texts(examples.items), *names])
        stream = balanced_batches(truth, random_state=self.random_state)
        batches = [next(stream) for _ in range(steps)]
        with fastest_attention(model.encoder):
            Loop(
                model,
                TokenisedRows(ids, truth, model.pad_id),
                groups=parameter_groups(
                    model.encoder,
                    model.head,
                    learning_rate=self.learning_rate,
                    layer_decay=LAYER_DECAY,
                    weight_decay=WEIGHT_DECAY,
                ),
                plan=lambda epoch: batches,
                objective=contrast(temperature=self.contrast_temperature),
                settings=LoopSettings(epochs=1, warmup_fraction=0.1),
                mixed_precision=mixed_precision(),
                what=f"{self.name}: tuning {self.base_.name}",
                listener=listener,
            ).run()
        return model.encoder.eval()
