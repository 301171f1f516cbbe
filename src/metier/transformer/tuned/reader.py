"""A pretrained encoder fine-tuned to point at the answer in a passage."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from tokenizers import Tokenizer

from metier.bases.known_bases import load_model, load_tokenizer
from metier.errors import SettingsError
from metier.evaluation.answer_measures import exact_match
from metier.export.graph_export import Exported, export_graph, keep_report, typical_rows
from metier.export.precision_choice import EquivalenceCheck
from metier.predictors.answer_threshold import fit_verdict
from metier.predictors.span_reading import Reading, ReadingSettings, SpanReader, Verdict, as_answers
from metier.progress import Listener, ignore
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.questions import Question, as_questions, check_answers, split_by_passage
from metier.text.language import detect_language
from metier.training.batching import TokenisedRows
from metier.training.encoder_settings import check_settings, resolve_base_of
from metier.training.fine_tuned import FineTuned
from metier.training.fine_tuning import Score, TuningSettings, checkpoints_of, fine_tune
from metier.training.heads.span_scorer import SpanScorer
from metier.training.inherited_settings import with_settings_of
from metier.training.objectives import objective_of
from metier.training.training_cost import Cost, measure_training
from metier.transformer.tuned.reader_windows import WindowCutter, windows_to_learn

# Answers longer than all but one in two hundred are rarer than spans that wrongly run on.
LONGEST_QUANTILE = 0.995
SHORTEST_LIMIT = 16  # Tokens that an answer may always have.
MOST_CHECKED_ROWS = 600

Asked = tuple[list[Question], list[list[dict[str, Any]]]]


@with_settings_of(FineTuned)
class Reader(FineTuned):
    """A pretrained encoder fine-tuned whole, with one score for where the answer begins and one for where it ends.

    Passages of any length are read in overlapping windows; the best span of any window is the answer [1]_. Rows whose
    list of answers is empty teach it when not to answer. Some hundred questions are enough to find a little more than
    `PassagePhrase` does (on XQuAD, taught 452 English ones, F1 .44 to .39), at many times its cost; the more, the better.

    Parameters
    ----------
    token_budget : int, default=2048
        Tokens of a batch, padding included.
    objective : str, default=None
        What is put on the cross-entropy of first and last tokens, joined by `+`: `fgm:1`, `pgd:1:3`, `ewc:1`; see
        `training.objectives.composition`.
    window_length : int, default=256
        Most tokens of a window, question included; at most what the base reads.
    without_fraction : float, default=0.25
        Chance that a question with an answer also teaches a window that does not hold it, 0 to 1.
    longest_answer : int, default=None
        Most tokens of an answer; None: as long as the training answers are, but for one in two hundred.
    verdict : mapping, default=None
        Threshold and calibration, the fields of `predictors.span_reading.Verdict`; None: chosen on validation.
    settings : see `FineTuned`

    Attributes
    ----------
    base_ : Base
    settings_ : ReadingSettings
        How passages are cut and spans are judged.
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        How training went.

    References
    ----------
    .. [1] Devlin et al., "BERT: pre-training of deep bidirectional transformers", 2019, arXiv:1810.04805. Windows are
       compared by margins over their own "no answer", since their scores are not normalised together.
    """

    name = "reader.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(
        cost=CostRank.FINE_TUNED,
        needs_base=True,
        takes_adaptation=True,
        takes_objective=True,
        trains_together=True,
    )
    learned = (*FineTuned.learned, "model_", "settings_")
    answers = "span"

    def __init__(
        self,
        *,
        token_budget: int = 2048,
        objective: str | None = None,
        window_length: int = 256,
        without_fraction: float = 0.25,
        longest_answer: int | None = None,
        verdict: Mapping[str, Any] | None = None,
        **settings: Any,
    ):
        super().__init__(token_budget=token_budget, **settings)
        self.objective = objective
        self.window_length = window_length
        self.without_fraction = without_fraction
        self.longest_answer = longest_answer
        self.verdict = verdict

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Fine-tune the base on questions and their answers.

        Without `validation`, and unless `stop_epoch` and `verdict` are set, a first training makes the choices on
        passages that were held out, and a second one trains on all rows with them.

        Parameters
        ----------
        X : sequence of mappings with `question` and `passage`
        y : sequence of list of {"text", "start"}
            Several answers are as good as one another: the first is learnt. An empty list: there is no answer.

        Raises
        ------
        AnswerPlaceError
            If an answer is not in its passage where it is said to be.
        """
        _check(self)
        asked = _checked(X, y)
        unseen = None if validation is None else _checked(*validation)
        return self._fit(asked, unseen, listener)

    def predict(self, X: Any) -> list[str]:
        """Answer questions with pieces of their passages; "" where there is no answer."""
        check_is_fitted(self)
        questions = as_questions(X)
        answers = as_answers(self.read(questions), questions, self.settings_.verdict, name=self.name)
        return list(answers.predicted)

    def read(self, questions: list[Question]) -> list[Reading]:
        """Give the best span of each question's passage, answerable or not."""
        check_is_fitted(self)
        return SpanReader(load_tokenizer(self.base_), self.settings_, self.model_.scores).read(questions)

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.onnx.onnx_reader` answers from, and a Hugging Face folder."""
        check_is_fitted(self)
        settings, head = self.settings_, self.model_.head
        exported = Exported(
            "onnx_reader.v1",
            self.name,
            self.base_,
            self.model_.to_export(),
            settings.verdict,
            head={name: weight.detach().cpu().numpy() for name, weight in head.state_dict().items()},
            settings={"window_length": settings.window_length, "longest_answer": settings.longest_answer},
        )
        check = None if self._unseen is None else _equivalence_check(self._unseen)
        report = export_graph(exported, folder, check=check, sample=self._sample, precision=self.precision)
        keep_report(self, report)

    def measure(self, X: Any, y: Any = None, *, n_batches: int = 3) -> Cost:
        """Time a few real batches of windows and say what an epoch costs here; nothing is learned."""
        _check(self)
        questions = as_questions(X)
        texts = [question.question for question in questions]
        base = resolve_base_of(self, language=detect_language(texts).main_language)
        cutter = WindowCutter(_untruncated(load_tokenizer(base)), prefix=base.prefix, length=self._length(base))
        if y is None:
            windows = [cutter.windows(question, cutter.passage(question.passage)) for question in questions]
            ids = [window.ids for some in windows for window in some]
        else:
            ids = list(self._rows(cutter, (questions, list(y)), pad_id=0).ids)
        return measure_training(
            base,
            ids,
            n_classes=2,
            token_budget=self.token_budget,
            dropout=self.dropout,
            adaptation=self.adaptation,
            n_batches=n_batches,
        )

    def _length(self, base: Any) -> int:
        return min(self.window_length, int(base.max_length))

    def _rows(self, cutter: WindowCutter, asked: Asked, *, pad_id: int) -> TokenisedRows:
        return windows_to_learn(
            cutter,
            *asked,
            without_fraction=self.without_fraction,
            pad_id=pad_id,
            random=check_random_state(self.random_state),
        )

    def _fit(self, examples: Asked, unseen: Asked | None, listener: Listener) -> Self:
        if unseen is None and (self.stop_epoch is None or self.verdict is None):
            # One passage: nothing can be chosen, so the scores are believed.
            split = split_by_passage(examples[0], random=check_random_state(self.random_state))
            parts = None if split is None else (_take(examples, split[0]), _take(examples, split[1]))
            unsettled = {"verdict": self.verdict or asdict(Verdict())}
            return self._choose_then_fit(examples, parts, unsettled, listener)
        texts = [question.question for question in examples[0]]
        self.base_ = resolve_base_of(self, language=detect_language(texts).main_language)
        self._unseen = unseen
        self._fine_tune(examples, unseen, listener)
        return self

    def _fine_tune(self, asked: Asked, unseen: Asked | None, listener: Listener) -> None:
        base, length = self.base_, self._length(self.base_)
        cutter = WindowCutter(_untruncated(load_tokenizer(base)), prefix=base.prefix, length=length)
        self.model_ = SpanScorer(
            load_model(base), has_types=cutter.frame.has_types, random_state=self.random_state
        )
        self.model_.set_dropout(self.dropout)
        pad_id = self.model_.pad_id
        longest = self.longest_answer or _longest_answer(cutter, asked)
        rows = self._rows(cutter, asked, pad_id=pad_id)
        away = None if unseen is None else self._rows(cutter, unseen, pad_id=pad_id)
        parts = [part for part in (rows, away) if part is not None]
        tuned = fine_tune(
            self.model_,
            rows,
            objective=objective_of(self, self.model_, rows),
            settings=TuningSettings.of(self),
            validation=away,
            score=_score(longest),
            checkpoints=checkpoints_of(
                self,
                base,
                [ids for part in parts for ids in part.ids],
                [part.truth.tobytes() for part in parts if part.truth is not None],
            ),
            what=f"{self.name}: fine-tuning {base.name}",
            listener=listener,
        )
        verdict = Verdict() if self.verdict is None else Verdict.of(self.verdict)
        self.settings_ = ReadingSettings(base.prefix, length, longest, pad_id, verdict)
        if unseen is not None and self.verdict is None:
            verdict = fit_verdict(self.read(unseen[0]), *unseen)
            self.settings_ = replace(self.settings_, verdict=verdict)
        self._sample = typical_rows(rows.ids)
        self.facts_: dict[str, Any] = {"base": base.name, "windows": len(rows), **tuned.facts}
        self.chosen_params_ = {
            "base": base.name,
            **tuned.chosen,
            "longest_answer": longest,
            "verdict": asdict(self.settings_.verdict),
        }


def _check(method: Reader) -> None:
    check_settings(method)
    faults = []
    if not method.window_length >= 32:
        faults.append(f"window_length is {method.window_length!r}, expected at least 32 tokens")
    if not 0 <= method.without_fraction <= 1:
        faults.append(f"without_fraction is {method.without_fraction!r}, expected a number from 0 to 1")
    if method.longest_answer is not None and method.longest_answer < 1:
        faults.append(f"longest_answer is {method.longest_answer!r}, expected None or at least 1 token")
    if faults:
        raise SettingsError(faults, origin=f"The settings of {method.name}")


def _checked(X: Any, y: Any) -> Asked:
    questions = as_questions(X)
    return questions, check_answers(questions, y)


def _take(asked: Asked, positions: np.ndarray) -> Asked:
    return [asked[0][at] for at in positions], [asked[1][at] for at in positions]


def _longest_answer(cutter: WindowCutter, asked: Asked) -> int:
    spans = [cutter.span(question, answers) for question, answers in zip(*asked, strict=True)]
    lengths = [span[1] - span[0] + 1 for span in spans if span is not None]
    return (
        max(SHORTEST_LIMIT, int(np.ceil(np.quantile(lengths, LONGEST_QUANTILE)))) if lengths else SHORTEST_LIMIT
    )


def _untruncated(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.no_truncation()
    return tokenizer


def _equivalence_check(asked: Asked) -> EquivalenceCheck:
    def is_correct(answers: Any, some: slice) -> np.ndarray:
        pairs = zip(asked[1][some][:MOST_CHECKED_ROWS], answers.predicted, strict=True)
        return np.array([exact_match(true, text) == 1 for true, text in pairs])

    return EquivalenceCheck.on_rows(
        [question._asdict() for question in asked[0][:MOST_CHECKED_ROWS]], is_correct
    )


def _score(longest: int) -> Score:
    """Compare epochs by the overlap of spans, not by the loss: that rises with certainty while answers get better.

    Learned from 452 questions of XQuAD, windows answered exactly rose from 28 to 33 % as their loss went from 2.25 to
    2.50; certainty is set right by the calibration afterwards.
    """

    def score(model: SpanScorer, rows: TokenisedRows) -> dict[str, float]:
        losses, overlaps = model.judge(rows, longest=longest)
        return {
            "span_f1": float(overlaps.mean()),
            "log_loss": float(losses.mean()),
            "score": float(overlaps.mean()),
            "score_error": float(overlaps.std() / np.sqrt(len(overlaps))),
        }

    return score
