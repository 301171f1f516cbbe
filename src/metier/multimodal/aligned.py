"""Texts and images in one space by CLIP's contrast, on the rows' own pairs."""

from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field

from metier.features.projection import Projection
from metier.multimodal.aligned_linear import USUAL_PENALTY, closed_form
from metier.multimodal.alignment import AlignedSearch, AlignmentSettings, PairedVectors
from metier.predictors.composite.cross_modal_search import Projections
from metier.progress import Listener, Progress
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import with_settings
from metier.training.objectives.symmetric_contrastive import symmetric_contrastive_loss

MOST_SCALE = 100.0  # As in CLIP: a lower temperature is unstable.
JUDGED_EVERY = 20  # Steps between looks at the validation queries.
SECONDS_PER_STEP = 0.03


class AlignedSettings(AlignmentSettings):
    """Settings of an alignment by contrast."""

    size: int = Field(128, ge=1, description="Numbers of a vector in the common space.")
    steps: int = Field(
        300, ge=0, description="Optimizer steps; 0 leaves the closed form that it begins with as it is."
    )
    batch_pairs: int = Field(
        512, ge=2, description="Pairs of a batch; all that do not belong together are negatives."
    )
    learning_rate: float = Field(1e-3, gt=0, description="Peak learning rate; it falls to 0 as half a cosine.")
    weight_decay: float = Field(0.01, ge=0, description="Of the two projections.")
    dropout: float = Field(
        0.2, ge=0, lt=1, description="Share of the numbers of a vector that a step leaves out."
    )
    temperature: float = Field(0.07, gt=0, description="What cosines are divided by at first; it is learned.")
    stop_step: int | None = Field(
        None, ge=0, description="Steps after which training stops; None: the best on validation, or all."
    )
    random_state: Any = Field(0, description="Seed of batches and dropout.")


@with_settings(AlignedSettings)
class Aligned(AlignedSearch):
    """Frozen vectors of texts and of images, projected into one space in which what belongs together is near [1]_.

    Both projections begin with the closed form of `AlignedLinear` and are trained by the symmetric contrastive loss;
    several texts or images of one thing are all positives. It needs some thousand pairs to be better than the closed
    form. The validation queries choose the step at which it stops, the closed form among them.

    References
    ----------
    .. [1] Radford et al., "Learning transferable visual models from natural language supervision", 2021,
       arXiv:2103.00020. There both encoders train on 400 million pairs; here they stay as they are.
    """

    name = "aligned.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(
        cost=CostRank.FROZEN, needs_base=True, baseline="aligned_linear.v1"
    )
    size: int
    steps: int
    batch_pairs: int
    learning_rate: float
    weight_decay: float
    dropout: float
    temperature: float
    stop_step: int | None
    random_state: Any

    def _learn(
        self, known: PairedVectors, held: PairedVectors | None, listener: Listener
    ) -> tuple[Projections, dict[str, Any], dict[str, Any]]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(self.random_state))
            model = TwoProjections.starting_from(known, self.size, self.temperature)
            return self._train(model, known, held, listener)

    def _train(
        self, model: "TwoProjections", known: PairedVectors, held: PairedVectors | None, listener: Listener
    ) -> tuple[Projections, dict[str, Any], dict[str, Any]]:
        n_steps = self.steps if self.stop_step is None else min(self.steps, self.stop_step)
        optimizer = torch.optim.AdamW(model.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(1, self.steps))
        batches = Batches(known, model, self.batch_pairs, int(self.random_state))
        best = Best(known, held)
        curve = [best.judge(model, 0)]
        for step in range(1, n_steps + 1):
            listener(Progress(f"{self.name}: training", step, n_steps, unit="steps"))
            optimizer.zero_grad()
            queries, answers, positives = batches.next()
            one, other = model(
                torch.nn.functional.dropout(queries, self.dropout),
                torch.nn.functional.dropout(answers, self.dropout),
            )
            loss = symmetric_contrastive_loss(one, other, positives, scale=model.scale)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            if step % JUDGED_EVERY == 0 or step == n_steps:
                curve.append(best.judge(model, step))
        facts: dict[str, Any] = {"temperature": round(1 / float(best.scale), 4)}
        if held is not None:
            facts["validation_reciprocal_rank"] = [round(score, 4) for score in curve]
        return best.projections, {"stop_step": best.step}, facts

    def _learning_seconds(self, n_queries: int) -> float:
        return SECONDS_PER_STEP * self.steps


class TwoProjections(torch.nn.Module):
    """A linear map for each side, on centred vectors, and the scale of cosines."""

    def __init__(
        self, weights: list[np.ndarray], means: list[np.ndarray], spreads: list[float], temperature: float
    ):
        super().__init__()
        self.weights = torch.nn.ParameterList(
            torch.tensor(weight * spread, dtype=torch.float32)
            for weight, spread in zip(weights, spreads, strict=True)
        )
        self.biases = torch.nn.ParameterList(torch.zeros(len(weight)) for weight in weights)
        self.log_scale = torch.nn.Parameter(torch.tensor(-np.log(temperature), dtype=torch.float32))
        self._means, self._spreads = means, spreads

    @classmethod
    def starting_from(cls, known: PairedVectors, size: int, temperature: float) -> "TwoProjections":
        """Make it of the closed form on known pairs."""
        projections = closed_form(known).projections(size=size, penalty=USUAL_PENALTY)
        sides = [side[picked] for side, picked in zip((known.queries, known.answers), known.pairs, strict=True)]
        means, spreads = (
            [side.mean(axis=0) for side in sides],
            [max(float(side.std()), 1e-12) for side in sides],
        )
        # A common length, so that a learning rate suits any bases.
        weights = [
            projection.weight / max(float(np.abs(projection.weight).mean() * spread * 20), 1e-12)
            for projection, spread in zip(projections, spreads, strict=True)
        ]
        return cls(weights, means, spreads, temperature)

    @property
    def scale(self) -> torch.Tensor:
        """What cosines are multiplied by."""
        return self.log_scale.exp().clamp(max=MOST_SCALE)

    def standardised(self, side: int, vectors: np.ndarray) -> torch.Tensor:
        """Give the vectors of one side as this module takes them."""
        return self.centred(side, torch.from_numpy(vectors))

    def centred(self, side: int, vectors: torch.Tensor) -> torch.Tensor:
        """Give the vectors of one side as this module takes them, gradients and all."""
        mean = torch.from_numpy(np.asarray(self._means[side], dtype=np.float32)).to(vectors.device)
        return (vectors.float() - mean) / self._spreads[side]

    def forward(self, queries: torch.Tensor, answers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Give vectors of length 1 in the common space."""
        one, other = (
            torch.nn.functional.normalize(side @ weight.T + bias, dim=1)
            for side, weight, bias in zip((queries, answers), self.weights, self.biases, strict=True)
        )
        return one, other

    def projections(self) -> list[Projection]:
        """Give both maps on vectors as the bases give them."""
        found = []
        for weight, bias, mean, spread in zip(
            self.weights, self.biases, self._means, self._spreads, strict=True
        ):
            plain = weight.detach().numpy() / spread
            found.append(
                Projection(plain.astype(np.float32), (bias.detach().numpy() - plain @ mean).astype(np.float32))
            )
        return found


class Batches:
    """Pairs in an order drawn anew each time they have all been seen.

    Parameters
    ----------
    known : PairedVectors
    model : TwoProjections
        Says how vectors are centred.
    size : int
        Pairs of a batch at most.
    """

    def __init__(self, known: PairedVectors, model: TwoProjections, size: int, random_state: int):
        self._pairs, self._positives = known.pairs, torch.from_numpy(known.positives)
        self._sides = (model.standardised(0, known.queries), model.standardised(1, known.answers))
        self._size, self._random = size, np.random.default_rng(random_state)
        self._left = np.empty(0, dtype=np.int64)

    def next(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Give the vectors of both sides of some pairs, and which of them belong together."""
        if not len(self._left):
            self._left = self._random.permutation(len(self._pairs[0]))
        picked, self._left = self._left[: self._size], self._left[self._size :]
        query, answer = (torch.from_numpy(side[picked]) for side in self._pairs)
        positives = self._positives[query][:, answer]
        return self._sides[0][query], self._sides[1][answer], positives


class Best:
    """The projections that rank the validation queries best; without any, the last ones."""

    def __init__(self, known: PairedVectors, held: PairedVectors | None):
        self._known, self._held = known, held
        self.projections: Projections
        self.step, self.scale, self._score = 0, 1.0, -1.0

    def judge(self, model: TwoProjections, step: int) -> float:
        """Keep the projections as they are after a step where they are the best; gives their mean reciprocal rank."""
        projections = self._known.projections(*model.projections())
        score = 0.0 if self._held is None else self._held.reciprocal_rank(projections)
        if self._held is None or score > self._score:
            self.projections, self.step, self._score = projections, step, score
            self.scale = float(model.scale.detach())
        return score
