"""A conditional random field over words, their shapes, their neighbours and known phrases."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pycrfsuite
from pydantic import Field
from sklearn.base import clone

from metier.classical.dictionary_tagger import entity_labels
from metier.evaluation.entity_measures import entity_f1
from metier.features.crf_features import CrfFeatures
from metier.features.gazetteer import Gazetteer, most_frequent_label, phrase_key
from metier.predictors.linear.crf import CrfPredictor
from metier.progress import Listener, Progress, ignore
from metier.tasks.answers.bio import Span, as_offsets, tag_names, tags_of_spans
from metier.tasks.answers.decoder_settings import CALIBRATION, OUTSIDE_BIAS
from metier.tasks.answers.scored_spans import SpanCalibration, calibrate, choose_bias
from metier.tasks.answers.spans import SPANS, SpanDecoder
from metier.tasks.estimators import SpanMethod
from metier.tasks.examples import Examples
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import MethodSettings, with_settings
from metier.text.given_texts import as_texts
from metier.text.language import detect_language
from metier.text.parsing import check_tagger

# (c1, c2): from a sparse model for few rows to a dense one for many.
GRID = ((0.1, 0.01), (0.05, 0.1), (0.5, 0.02))
UNCHOSEN = GRID[0]


class CrfSettings(MethodSettings):
    """Settings of a conditional random field."""

    c1: float | None = Field(None, ge=0, description="Weight of the L1 penalty; None: chosen on validation.")
    c2: float | None = Field(None, ge=0, description="Weight of the L2 penalty; None: chosen on validation.")
    max_iterations: int = Field(100, ge=1, description="Most iterations of L-BFGS.")
    least_count: int = Field(
        2, ge=1, description="Least number of occurrences of a feature in the training texts."
    )
    gazetteer: str | Path | None = Field(None, description="A CSV file with the columns phrase and label.")
    tagger: Literal["auto", "none", "jieba", "spacy"] = Field(
        "auto",
        description="Part-of-speech tagger. `auto`: jieba for Chinese, none otherwise; it is needed for "
        "prediction too. See `CrfSyntax`.",
    )
    outside_bias: float | None = OUTSIDE_BIAS
    calibration: Sequence[float] | None = CALIBRATION
    random_state: Any = Field(0, description="Seed of the held-out rows where there are no validation rows.")


@with_settings(CrfSettings)
class Crf(SpanMethod):
    """A linear-chain conditional random field [1]_, trained by CRFsuite with L-BFGS.

    Its features are each token, its shape, affixes and neighbours, parts of speech, and known phrases: those of other
    training rows, and those of a gazetteer file. It trains in seconds to a minute for some thousand rows, predicts in
    about a millisecond, and is hard to beat where rows are few or names are recognisable. `TokenEncoder` is better
    where the context decides.

    Attributes
    ----------
    labels_ : tuple of str
    predictor_ : CrfPredictor
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        Features, trials, the tagger, spans whose edges are not edges of tokens.

    References
    ----------
    .. [1] Lafferty, McCallum and Pereira, "Conditional random fields: probabilistic models for segmenting and
       labeling sequence data", 2001.
    """

    chosen_params_: dict[str, Any]
    facts_: dict[str, Any]

    name = "crf.v1"
    capabilities: ClassVar[Capabilities] = Capabilities()
    tagger_of_english: ClassVar[str] = "none"

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Learn from texts and their spans, a list of [start, end, label] for each text.

        Without `validation`, and unless every choice is set, nine tenths of the rows (of few, four fifths) are
        learned first to choose on the others.
        """
        CrfSettings.of(self)
        examples = SPANS.check(as_texts(X), y)
        held_rows = (
            None if validation is None else SPANS.check(as_texts(validation[0]), validation[1], known=examples)
        )
        is_settled = None not in (self.c1, self.c2, self.outside_bias, self.calibration)
        if held_rows is None and not is_settled:
            return self._choose_then_fit(examples, listener)
        self.labels_ = examples.label_names
        features = self._build_features(examples)
        trainer = _Trainer(features, examples, least_count=self.least_count)
        trials: list[dict[str, float]] = []
        best: tuple[float, CrfPredictor] | None = None
        grid = self._grid(held_rows)
        for number, (c1, c2) in enumerate(grid):
            listener(Progress(f"{self.name}: c1 = {c1:g}, c2 = {c2:g}", number, len(grid), unit="settings"))
            weights, steps = trainer.train(c1=c1, c2=c2, max_iterations=self.max_iterations)
            predictor = CrfPredictor(
                features=features,
                columns=trainer.columns,
                weights=weights,
                steps=steps,
                decoder=SpanDecoder(self.labels_, self.outside_bias or 0.0),
                name=self.name,
            )
            score = _Validation(predictor, held_rows).f1() if held_rows is not None else 0.0
            trials.append({"c1": c1, "c2": c2, "entity_f1": score})
            if best is None or score > best[0]:
                best, chosen = (score, predictor), (c1, c2)
        assert best is not None
        self.predictor_ = _pruned(best[1], self._decoder(best[1], held_rows))
        self._note(chosen, trials, trainer, examples)
        return self

    def _grid(self, held_rows: Examples | None) -> Sequence[tuple[float, float]]:
        """Give the pairs of c1 and c2 worth trying; what is set stays, what is not is chosen."""
        pairs = GRID if held_rows is not None else (UNCHOSEN,)
        tried = [(c1 if self.c1 is None else self.c1, c2 if self.c2 is None else self.c2) for c1, c2 in pairs]
        return list(dict.fromkeys(tried))

    def _build_features(self, examples: Examples) -> CrfFeatures:
        tagger = self.tagger
        if tagger == "auto":
            is_chinese = detect_language(examples.items).main_language == "zh"
            tagger = "jieba" if is_chinese else self.tagger_of_english
        check_tagger(tagger)
        known = entity_labels(examples)
        learned = Gazetteer({phrase: most_frequent_label(labels) for phrase, labels in known.items() if phrase})
        given = Gazetteer({})
        if self.gazetteer is not None:
            given = Gazetteer.read(self.gazetteer, labels=examples.label_names)
        return CrfFeatures(learned, given, tagger)

    def _decoder(self, predictor: CrfPredictor, held_rows: Examples | None) -> SpanDecoder:
        bias, line = self.outside_bias, self.calibration
        if held_rows is not None and (bias is None or line is None):
            rest = _Validation(predictor, held_rows)
            bias = choose_bias(held_rows.truth, rest.answer) if bias is None else bias
            fitted = rest.calibration(bias)
            line = (fitted.slope, fitted.intercept) if line is None else line
        return SpanDecoder(self.labels_, bias or 0.0, SpanCalibration(*(line or (1.0, 0.0))))

    def _choose_then_fit(self, examples: Examples, listener: Listener) -> Self:
        chosen: dict[str, Any] = {"outside_bias": 0.0, "calibration": (1.0, 0.0)}
        chosen |= dict(zip(("c1", "c2"), self._grid(None)[0], strict=True))
        split = SPANS.held_out(examples, random_state=self.random_state)
        if split is not None:
            kept, rest = split
            trial = clone(self).fit(
                kept.items, kept.truth, validation=(rest.items, rest.truth), listener=listener
            )
            chosen = trial.chosen_params_
        final = clone(self).set_params(**chosen).fit(examples.items, examples.truth, listener=listener)
        self.labels_, self.predictor_ = final.labels_, final.predictor_
        self.chosen_params_, self.facts_ = final.chosen_params_, final.facts_
        return self

    def _note(
        self,
        chosen: tuple[float, float],
        trials: list[dict[str, float]],
        trainer: "_Trainer",
        examples: Examples,
    ) -> None:
        decoder = self.predictor_.decoder
        line = decoder.calibration
        tagger = trainer.features.tagger
        self.chosen_params_ = {
            "c1": chosen[0],
            "c2": chosen[1],
            "tagger": tagger,
            "outside_bias": decoder.outside_bias,
            "calibration": (line.slope, line.intercept),
        }
        self.facts_ = {
            "features": len(self.predictor_.columns),
            "features_seen": len(trainer.columns),
            "parts_of_speech": tagger,
            "phrases": len(trainer.features.learned) + len(trainer.features.given),
            "spans": sum(map(len, examples.truth)),
            "unaligned_spans": trainer.n_unaligned,
            "trials": trials,
        }


class CrfSyntax(Crf):
    """`Crf` with the parts of speech of spaCy for English, for names that are not in the training texts.

    On a quarter of WNUT 17 (tweets), F1 rose from .197 to .262; each row costs an additional run of spaCy. Training
    and prediction both need spaCy and its small English model.
    """

    name = "crf_syntax.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.CLASSICAL, baseline="crf.v1")
    tagger_of_english: ClassVar[str] = "spacy"


class _Trainer:
    """The training texts, handed to CRFsuite once for any number of trainings.

    CRFsuite knows features and tags by number: its dump, from which the weights are read, then holds nothing but
    numbers, whatever the texts hold.
    """

    def __init__(self, features: CrfFeatures, examples: Examples, *, least_count: int):
        self.features = features
        self.n_tags = len(tag_names(examples.label_names))
        self.n_unaligned = 0
        self._own = [
            {phrase_key(text[start:end]) for start, end, _ in spans}
            for text, spans in zip(examples.items, examples.truth, strict=True)
        ]
        self._shown = Counter(phrase for phrases in self._own for phrase in phrases)
        counts: Counter[str] = Counter()
        for names in self._tokens(examples):
            counts.update(names)
        self.columns = [feature for feature, count in counts.items() if count >= least_count]
        index = {feature: str(number) for number, feature in enumerate(self.columns)}
        self._trainer = pycrfsuite.Trainer(algorithm="lbfgs", verbose=False)
        for text, spans, own in zip(examples.items, examples.truth, self._own, strict=True):
            offsets, tokens = self._of_text(text, own)
            tags, missed = tags_of_spans(spans, as_offsets(offsets), examples.label_names)
            self.n_unaligned += missed
            rows = [[number for name in names if (number := index.get(name))] for names in tokens]
            self._trainer.append(pycrfsuite.ItemSequence(rows), [str(tag) for tag in tags.tolist()])

    def train(self, *, c1: float, c2: float, max_iterations: int) -> tuple[np.ndarray, np.ndarray]:
        """Give the weights of features, of shape (n_features, n_tags), and of steps between tags."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model"
            self.write(path, c1=c1, c2=c2, max_iterations=max_iterations)
            tagger = pycrfsuite.Tagger()
            tagger.open(str(path))
            dump = tagger.info()
            tagger.close()
        weights = np.zeros((len(self.columns), self.n_tags), dtype=np.float32)
        for (feature, tag), weight in dump.state_features.items():
            weights[int(feature), int(tag)] = weight
        steps = np.zeros((self.n_tags, self.n_tags), dtype=np.float32)
        for (before, after), weight in dump.transitions.items():
            steps[int(before), int(after)] = weight
        return weights, steps

    def write(self, path: Path, *, c1: float, c2: float, max_iterations: int) -> None:
        """Train, and leave CRFsuite's own file."""
        settings = {"c1": c1, "c2": c2, "max_iterations": max_iterations}
        self._trainer.set_params(settings | {"feature.possible_transitions": True})
        self._trainer.train(str(path))

    def _tokens(self, examples: Examples) -> Iterator[list[str]]:
        for text, own in zip(examples.items, self._own, strict=True):
            yield from self._of_text(text, own)[1]

    def _of_text(self, text: str, own: set[str]) -> tuple[list[tuple[int, int]], Iterator[list[str]]]:
        # A phrase that only this text shows would be known in training and never again.
        only_here = frozenset(phrase for phrase in own if self._shown[phrase] == 1)
        return self.features.of_text(text, left_out=only_here)


class _Validation:
    """Validation texts with their scores, which no bias changes."""

    def __init__(self, predictor: CrfPredictor, examples: Examples):
        self._predictor, self._examples = predictor, examples
        scored = [predictor.scores(text) for text in examples.items]
        self._scores = [scores for scores, _ in scored]
        self._offsets = [offsets for _, offsets in scored]

    def answer(self, bias: float) -> list[list[Span]]:
        """Give the spans that are found with a bias."""
        labels = self._examples.label_names
        return [
            [[int(at[first, 0]), int(at[stop - 1, 1]), labels[label]] for first, stop, label, _ in runs]
            for at, runs in zip(self._offsets, self._runs(bias), strict=True)
        ]

    def f1(self) -> float:
        """Give the F1 of spans without a bias."""
        return entity_f1(self._examples.truth, self.answer(0.0))

    def calibration(self, bias: float) -> SpanCalibration:
        """Fit the probabilities of the spans that are found with a bias."""
        return calibrate(self._examples.truth, self._offsets, self._runs(bias), self._examples.label_names)

    def _runs(self, bias: float) -> list[Any]:
        return [self._predictor.runs(scores, outside_bias=bias) for scores in self._scores]


def _pruned(predictor: CrfPredictor, decoder: SpanDecoder) -> CrfPredictor:
    """Give the predictor without the features whose weights are all zero, and with its decoder."""
    kept = np.flatnonzero(np.abs(predictor.weights).sum(axis=1) > 0)
    return CrfPredictor(
        features=predictor.features,
        columns=[predictor.columns[number] for number in kept.tolist()],
        weights=predictor.weights[kept],
        steps=predictor.steps,
        decoder=decoder,
        name=predictor.name,
    )
