"""A linear head on the mean of the states, started from the linear solution on the frozen base."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from metier.bases.base import Base
from metier.bases.embedding import embed, embed_ids
from metier.bases.huggingface_folder import load_model
from metier.bases.known_bases import cutter_of
from metier.export.onnx_graph import PooledEncoder
from metier.features.averaged_windows import Cutter
from metier.progress import Listener
from metier.tasks.answers import Decodable
from metier.tasks.examples import Examples
from metier.training.batching import TokenisedRows
from metier.training.encoder_settings import StartedSettings
from metier.training.heads.head import Exportable, Ready, Task
from metier.training.heads.label_probe import UNFITTED_C, Questions, choose_label_probe, fit_label_probe
from metier.training.heads.linear_probe import fit_probe
from metier.training.heads.ridge_probe import RidgeStart, Unit
from metier.training.heads.token_model import PooledClassifier
from metier.training.objectives.composition import with_soft
from metier.training.training_cost import Cost, measure_tokens

# Vectors of rows beside their examples.
Known = tuple[Examples, np.ndarray]
# C, weight and bias of a linear solution.
Solution = tuple[float, np.ndarray, np.ndarray]


class Start(Protocol):
    """A linear solution on vectors of the frozen base."""

    def solve(self, known: Known, held: Known | None, settings: StartedSettings) -> Solution:
        """Give C, weight and bias; C is chosen on held-out rows unless it is set."""
        ...


@dataclass(frozen=True)
class LabelStart:
    """Multinomial logistic regression."""

    def solve(self, known: Known, held: Known | None, settings: StartedSettings) -> Solution:
        """Give C, weight and bias; without held-out rows C is chosen on some of the rows."""
        probe = fit_probe(
            known[1],
            known[0].truth,
            C=settings.C,
            temperature=1.0 if settings.C else None,
            validation=None if held is None else (held[1], held[0].truth),
            random_state=settings.random_state,
        )
        return probe.C, probe.weight, probe.bias


@dataclass(frozen=True)
class QuestionStart:
    """One logistic regression a logit: whether a label is there, or whether a grade is exceeded where it is reached."""

    def solve(self, known: Known, held: Known | None, settings: StartedSettings) -> Solution:
        """Give C, weight and bias."""
        C = settings.C or UNFITTED_C
        if settings.C is None and held is not None:
            C, _ = choose_label_probe([(self._questions(known), self._questions(held))])
        probe = fit_label_probe(self._questions(known), C=C)
        return C, probe.weight, probe.bias

    def _questions(self, known: Known) -> Questions:
        examples, vectors = known
        if examples.truth.ndim > 1:
            return Questions(vectors, examples.truth)
        steps = np.arange(len(examples.labels) - 1)
        return Questions(vectors, examples.truth[:, None] > steps, examples.truth[:, None] >= steps)


@dataclass(frozen=True)
class PooledHead:
    """Mean-pooled states under a linear head.

    Of a text past the limit of the base every epoch learns one window (see `window_shares`), and the logits of all are
    averaged in answering.

    Parameters
    ----------
    kind : str
        Of the predictor.
    start : Start
    states_reading : bool
        Whether the settings of the predictor say how its head is fed, since its kind is fed in several ways.
    """

    kind: str
    start: Start | RidgeStart = field(default_factory=LabelStart)
    states_reading: bool = False

    def reader(self, base: Base, settings: Any) -> Cutter:
        """Give what cuts texts and pairs into windows."""
        return cutter_of(base)

    def ready(
        self, reader: Cutter, base: Base, task: Task, settings: StartedSettings, listener: Listener
    ) -> Ready:
        """Cut the rows, and start the head from the linear solution."""
        encoder = load_model(base)
        pad_id = int(encoder.config.pad_token_id or 0)
        unit = self.start.unit(task.examples) if isinstance(self.start, RidgeStart) else None
        known, held = (_standardised(part, unit) for part in (task.examples, task.validation))
        assert known is not None
        rows = TokenisedRows.cut(reader, known.items, None, pad_id)
        held_rows = None if held is None else TokenisedRows.cut(reader, held.items, None, pad_id)
        C, weight, bias = self.start.solve(
            (known, _vectors(base, encoder, known, rows, listener)),
            None
            if held is None or held_rows is None
            else (held, _vectors(base, encoder, held, held_rows, listener)),
            settings,
        )
        model = PooledClassifier(encoder, weight, bias, normalise=base.normalise, unit=unit)
        model.set_dropout(settings.dropout)
        rows = replace(rows, truth=task.answer.training_targets(known))
        if known.soft is not None:
            rows = with_soft(rows, known.soft, objective=settings.objective, learning=settings.learning)
        if held is not None and held_rows is not None:
            held_rows = replace(held_rows, truth=task.answer.training_targets(held))
        return Ready(model, rows, held_rows, _score(task.answer, held, unit), chosen={"C": C})

    def unlabelled(self, reader: Cutter, items: Sequence[Any], model: Any) -> TokenisedRows:
        """Cut texts or pairs into the windows that are learned."""
        return TokenisedRows.cut(reader, items, None, model.pad_id)

    def logits(self, model: PooledClassifier, reader: Cutter, items: Sequence[Any]) -> np.ndarray:
        """Give logits averaged over windows, float64 of shape (n_items, n_logits)."""
        found = reader.average(lambda ids: model.logits(TokenisedRows(ids, None, model.pad_id)), items)
        return found if model.unit is None else model.unit.restored(found)

    def cost(
        self, reader: Cutter, base: Base, items: Sequence[Any], targets: Any, settings: Any, *, n_batches: int
    ) -> Cost:
        """Time the first window of some items: every epoch reads one."""
        return measure_tokens(base, reader.first(items), settings, n_batches=n_batches, passes_before=1)

    def sample(self, reader: Cutter, items: Sequence[Any]) -> list[list[int]]:
        """Give the first window of each item."""
        return reader.first(items)

    def exported(self, model: PooledClassifier, reader: Cutter) -> Exportable:
        """Give encoder and pooling as the graph, the head as arrays beside it."""
        weight, bias = (part.detach().cpu().numpy() for part in (model.head.weight, model.head.bias))
        if model.unit is not None:
            weight = weight.astype(np.float64) * model.unit.scale
            bias = model.unit.restored(bias.astype(np.float64))
        settings = {"reading": "whole"} if self.states_reading else {}
        module = PooledEncoder(model.encoder, normalise=model.normalise)
        return Exportable(module, {"weight": weight, "bias": bias}, settings)


def _standardised(examples: Examples | None, unit: Unit | None) -> Examples | None:
    return examples if examples is None or unit is None else unit.standardised(examples)


def _vectors(
    base: Base, encoder: Any, examples: Examples, rows: TokenisedRows, listener: Listener
) -> np.ndarray:
    """Give the pooled vectors of rows; those of texts are kept for other methods on the same base."""
    if all(isinstance(item, str) for item in examples.items):
        return embed(base, examples.items, listener=listener)
    return rows.mean(embed_ids(encoder, rows.ids, normalise=base.normalise, listener=listener))


def _score(answer: Decodable, held: Examples | None, unit: Unit | None) -> Any:
    def score(model: PooledClassifier, rows: TokenisedRows) -> dict[str, float]:
        assert held is not None
        given = {} if unit is None else {"scale": unit.scale}
        return answer.score(model.logits(rows), held, **given)

    return score
