"""How answers are learned: the losses by name, and the logits as softmax distributions.

Which losses and terms suit an answer, its kind says (`tasks.answers`); here is what computes them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from metier.tasks.answers import GRADE, LABEL, LABEL_SET, PASSAGE_ANSWER, SCORE, SPANS, AnswerKind
from metier.training.batch import Batch, known_labels
from metier.training.objectives.binary_cross_entropy import binary_cross_entropy
from metier.training.objectives.corn import corn
from metier.training.objectives.cross_entropy import cross_entropy
from metier.training.objectives.focal import focal
from metier.training.objectives.objective import AsQuestions, Objective, as_they_are
from metier.training.objectives.squared_error import squared_error
from metier.training.objectives.token_cross_entropy import has_tag, span_cross_entropy, token_cross_entropy


@dataclass(frozen=True)
class Learning:
    """How the answers of a head are learned.

    Parameters
    ----------
    answer : AnswerKind
        Says which terms can be put on the losses.
    losses : mapping of str to callable
        What computes each loss that the kind names, in its order, the first being the default; each takes numbers of
        its term and what it shares with the others.
    questions : callable
        Gives the logits as choices of one answer each, which a softmax over the last axis tells apart; a score,
        which is none, has a logit by itself there.
    """

    answer: AnswerKind
    losses: Mapping[str, Callable[..., Objective]]
    questions: AsQuestions

    def __post_init__(self) -> None:
        """Hold the names to those of the kind."""
        if tuple(self.losses) != self.answer.losses:
            raise ValueError(
                f"{self.answer.name} names the losses {self.answer.losses}, found {tuple(self.losses)}"
            )

    def drawn(self, logits: torch.Tensor, batch: Batch, generator: torch.Generator) -> torch.Tensor:
        """Give the log-likelihood of an answer that is drawn from the model's own, summed over its questions."""
        asked = self.questions(logits, batch)
        if asked.shape[-1] == 1:  # A score: its likelihood is a normal distribution of spread 1.
            noise = torch.randn(asked.shape, generator=generator).to(asked)
            return -((asked - (asked.detach() + noise)) ** 2).sum() / 2
        log_p = asked.log_softmax(dim=-1).flatten(0, -2)
        drawn = torch.multinomial(log_p.detach().exp().cpu(), 1, generator=generator).to(log_p.device)
        return log_p.gather(1, drawn).sum()


def _yes_or_no(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    return torch.stack([logits, torch.zeros_like(logits)], dim=-1)


def _tagged(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    return logits[has_tag(known_labels(batch))]


def _places(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Of (n_windows, n_tokens, 2) the first and the last token are two questions whose choices are tokens."""
    return logits.transpose(1, 2)


def _tokens(*, class_weights: None = None, **settings: float) -> Objective:
    return token_cross_entropy(**settings)


def _alone(loss: Callable[..., Objective]) -> Callable[..., Objective]:
    """A loss that knows neither smoothing nor weights of classes."""

    def built(*, label_smoothing: float = 0.0, class_weights: None = None, **numbers: float) -> Objective:
        return loss(**numbers)

    return built


LABELS = Learning(LABEL, {"cross_entropy": cross_entropy, "focal": focal}, as_they_are)
LABEL_SETS = Learning(
    LABEL_SET,
    {"binary_cross_entropy": _alone(binary_cross_entropy), "focal": _alone(binary_cross_entropy)},
    _yes_or_no,
)
GRADES = Learning(GRADE, {"corn": _alone(corn)}, _yes_or_no)
SCORES = Learning(SCORE, {"squared_error": _alone(squared_error)}, as_they_are)
TAGS = Learning(SPANS, {"cross_entropy": _tokens, "focal": _tokens}, _tagged)
ANSWER_ENDS = Learning(PASSAGE_ANSWER, {"cross_entropy": _alone(span_cross_entropy)}, _places)
