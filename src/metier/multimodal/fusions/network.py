"""A fusion that is a small network: trained on the towers' numbers with modality dropout, stopped by held-out loss."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from metier.multimodal.fusions.fusion import Learned, logits_of
from metier.multimodal.modality_dropout import drop_some
from metier.tasks.answers import Decodable
from metier.training.heads.frozen_heads import Rows

MOST_EPOCHS = 60
PATIENCE = 10  # Epochs without a lower loss on held-out rows.
UNFITTED_EPOCHS = 15  # Where no row can be held out.
STEPS_OF_EPOCH = 10
FEWEST_IN_BATCH = 8
MOST_ROWS_MEASURED = 2_000  # To standardise by.


@dataclass(frozen=True)
class Shape:
    """What a network is built for.

    Parameters
    ----------
    text, image : ndarray of shape (n_rows, size)
        Of training rows that have them: what is standardised by.
    text_size, image_size : int
    hidden, n_logits : int
    dropout : float
    """

    text: np.ndarray
    image: np.ndarray
    text_size: int
    image_size: int
    hidden: int
    n_logits: int
    dropout: float


@dataclass(frozen=True)
class Learning:
    """How a small network is trained; usual values, which were not tuned.

    Parameters
    ----------
    hidden : int
    dropout : float
    learning_rate : float
        Of AdamW; it falls to 0 over `MOST_EPOCHS` along a cosine.
    weight_decay : float
    batch : int
        Most rows of a step; of few rows fewer, so that an epoch has some ten steps.
    """

    hidden: int = 128
    dropout: float = 0.3
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    batch: int = 32


@dataclass(frozen=True)
class NetworkLearner:
    """Trains the network that `build` gives.

    Parameters
    ----------
    build : callable
        From a `Shape` to a module.
    learning : Learning
    in_detail : bool
        Whether it looks at tokens and regions.
    """

    build: Callable[[Shape], torch.nn.Module]
    learning: Learning
    in_detail: bool = False
    chooses: tuple[str, ...] = ("epochs",)

    def learn(self, known: Rows, held: Rows | None, answer: Decodable, given: Mapping[str, Any]) -> Learned:
        """Train for the given epochs, or until the loss on held-out rows stops falling; the best epoch counts."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(given["random_state"] or 0))
            module = self.build(self._shape(known, answer))
            epochs = given["epochs"] or (UNFITTED_EPOCHS if held is None else MOST_EPOCHS)
            best, at, module = self._train(
                module, known, held if given["epochs"] is None else None, epochs, given
            )
        facts = {} if best is None else {"epochs": at, "held_out_loss": best}
        return Learned(module, {"epochs": at}, None, facts)

    def _shape(self, known: Rows, answer: Any) -> Shape:
        outputs: Any = known.features
        some = outputs[np.arange(0, len(outputs), max(1, len(outputs) // MOST_ROWS_MEASURED))]
        return Shape(
            some.text[some.has_text],
            some.image[some.has_image],
            outputs.text.shape[1],
            outputs.image.shape[1],
            self.learning.hidden,
            answer.n_logits(known.examples),
            self.learning.dropout,
        )

    def _train(
        self, module: torch.nn.Module, known: Rows, held: Rows | None, epochs: int, given: Mapping[str, Any]
    ) -> tuple[float | None, int, torch.nn.Module]:
        """Give the lowest held-out loss, the epoch it was reached in, and the module of that epoch."""
        how, random = self.learning, np.random.RandomState(given["random_state"])
        optimizer = torch.optim.AdamW(module.parameters(), lr=how.learning_rate, weight_decay=how.weight_decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, MOST_EPOCHS)
        best: float | None = None
        at, kept = epochs, module
        for epoch in range(1, epochs + 1):
            self._one_epoch(module, known, optimizer, given["modality_dropout"], random)
            schedule.step()
            if held is None:
                continue
            loss = _held_loss(module, held)
            if best is None or loss < best:
                best, at, kept = loss, epoch, copy.deepcopy(module)
            elif epoch - at >= PATIENCE:
                break
        return best, at, kept

    def _one_epoch(
        self,
        module: torch.nn.Module,
        known: Rows,
        optimizer: torch.optim.Optimizer,
        share: float,
        random: np.random.RandomState,
    ) -> None:
        module.train()
        outputs: Any = known.features
        order = random.permutation(len(outputs))
        batch = min(self.learning.batch, max(FEWEST_IN_BATCH, len(order) // STEPS_OF_EPOCH))
        for start in range(0, len(order), batch):
            some = order[start : start + batch]
            rows = drop_some(outputs[some], share, random)
            loss = torch.nn.functional.cross_entropy(
                module(*rows.tensors()), torch.from_numpy(known.examples.truth[some])
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def _held_loss(module: torch.nn.Module, held: Rows) -> float:
    outputs: Any = held.features
    logits = torch.from_numpy(logits_of(module, outputs))
    return float(torch.nn.functional.cross_entropy(logits, torch.from_numpy(held.examples.truth)))
