"""Texts and images in one space by CLIP's contrast, both encoders tuned on the rows' own pairs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field

from metier.bases.base import Base
from metier.bases.embedding import embed_ids
from metier.bases.huggingface_folder import load_model
from metier.bases.image_embedding import IMAGES_AT_ONCE, pixels_of
from metier.bases.image_network import load_image_network
from metier.bases.known_bases import cutter_of
from metier.features.pair_features import of_length_one
from metier.image.picture import Picture, mean_of_each
from metier.multimodal.aligned import TwoProjections
from metier.multimodal.alignment import AlignedSearch, AlignmentSettings, PairedVectors
from metier.multimodal.joint_rows import JointBatch, JointRows
from metier.multimodal.two_towers import TowersInTraining, TwoTowers
from metier.predictors.composite.cross_modal_search import CommonSpace, Projections
from metier.progress import Listener
from metier.tasks.collection import Collection
from metier.tasks.examples import Examples
from metier.tasks.method_contract import TRAINING_OVER_FORWARD
from metier.tasks.method_settings import with_settings
from metier.training.encoder_settings import FineTunedSettings
from metier.training.fine_tuning import Tuned, fine_tune
from metier.training.image_settings import ADAPTATIONS, AugmentedSettings
from metier.training.objectives.symmetric_contrastive import symmetric_contrastive_loss
from metier.training.training_cost import Cost
from metier.training.tuned_method import FINE_TUNING

# Validation queries, and what they are ranked among at most: each is embedded anew after every epoch.
MOST_ASKED, MOST_RANKED = 128, 256
UNCHANGED = "start"  # What the report says where the towers as they came are better.


class AlignedEncoderSettings(AugmentedSettings, AlignmentSettings, FineTunedSettings):
    """Settings of an alignment that tunes both encoders."""

    token_budget: ClassVar[None] = None  # type: ignore[misc, assignment]  # Batches are counted in pairs.
    gradient_checkpointing: ClassVar[bool] = False  # type: ignore[misc]
    checkpoint_folder: ClassVar[None] = None  # type: ignore[misc, assignment]
    precision: ClassVar[str] = "fp32"  # type: ignore[misc, assignment]

    base: Any = Field(
        "auto",
        description="Of texts: a folder, a known short name, a hub name; `auto` picks by their language.",
    )
    adaptation: str = Field(
        "lora:8",
        description="Which weights of both encoders train: `full`, `head`, `top:2` (layers of each), `lora:8` or "
        "`bitfit`.",
    )
    size: int = Field(128, ge=1, description="Numbers of a vector in the common space.")
    batch_size: int = Field(
        32, ge=2, description="Pairs of a batch; all that do not belong together are negatives."
    )
    temperature: float = Field(0.07, gt=0, description="What cosines are divided by at first; it is learned.")
    stop_epoch: int | None = Field(
        None,
        ge=0,
        description="Stop after this epoch of the schedule; 0: the encoders stay as they came, under the closed form; "
        "None: the best of these on validation.",
    )

    @classmethod
    def misfits(cls, values: Any) -> list[str]:
        """Say which values do not go with one another."""
        faults = super().misfits(values)
        kind = str(values["adaptation"]).partition(":")[0]
        if not faults and kind not in ADAPTATIONS:
            faults.append(
                f"adaptation is {values['adaptation']!r}, which is for texts; expected one of full, head, top:6, lora:8, "
                "bitfit"
            )
        return faults

    @property
    def batch_budget(self) -> int:
        """Pairs of a batch."""
        return self.batch_size


@with_settings(AlignedEncoderSettings)
class AlignedEncoder(AlignedSearch):
    """Both encoders tuned by the symmetric contrastive loss [1]_, by default by low-rank adaptation.

    Both projections begin with the closed form of `AlignedLinear`, and the loss flows through them into both encoders;
    several texts or images of one thing are all positives, and images are changed as those of `ImageEncoder` are. The
    validation queries choose the epoch at which it stops, the encoders as they came among them. `Aligned` beside it leaves
    the encoders alone and takes seconds; docs/alignment.md has both on the same photographs.

    Attributes
    ----------
    model_ : TwoTowersAligned
        Encoders and projections.

    References
    ----------
    .. [1] Radford et al., "Learning transferable visual models from natural language supervision", 2021,
       arXiv:2103.00020.
    """

    name = "aligned_encoder.v1"
    capabilities = replace(
        FINE_TUNING, takes_objective=False, trains_together=False, baseline="aligned_linear.v1"
    )

    def measure(self, X: Any, y: Any = None) -> Cost:
        """Time some real texts and images and say what an epoch costs here; nothing is learned."""
        cost = super().measure(X, y)
        forward = (cost.seconds_per_row + cost.seconds_per_answer) * len(X)
        return replace(cost, seconds_per_epoch=forward * TRAINING_OVER_FORWARD)

    def _learn(
        self, known: PairedVectors, held: PairedVectors | None, listener: Listener
    ) -> tuple[Projections, dict[str, Any], dict[str, Any]]:
        settings: Any = AlignedEncoderSettings.of(self)
        collection: Collection = self.collection  # type: ignore[assignment]  # `fit` has looked.
        judge = None if held is None else Judge(collection, held, self.base_)
        self.model_ = self._begun(known, settings)
        start = 0.0 if judge is None else judge(self.model_, None)["score"]
        facts: dict[str, Any] = {"validation_reciprocal_rank_at_start": round(start, 4)} if judge else {}
        if settings.stop_epoch == 0:
            return self._projections(known), {"stop_epoch": 0}, facts
        tuned = self._tuned(settings, known, held, judge, listener)
        chosen, facts = dict(tuned.chosen), {**tuned.facts, **facts}
        if judge is not None:
            reached = judge(self.model_, None)["score"]
            facts["validation_reciprocal_rank"] = round(reached, 4)
            if settings.stop_epoch is None and reached <= start:
                self.model_, chosen["stop_epoch"] = self._begun(known, settings), 0
                facts["kept"] = UNCHANGED
        return self._projections(known), chosen, facts

    def _tuned(
        self,
        settings: Any,
        known: PairedVectors,
        held: PairedVectors | None,
        judge: "Judge | None",
        listener: Listener,
    ) -> Tuned:
        collection: Collection = self.collection  # type: ignore[assignment]
        said = [one.text for one in known.asked] if known.text_asks else collection.texts
        # Left and right stay as they are where a text names a side, as where a label does.
        augmentation, facts = settings.augmentation(Examples((), np.zeros(0), np.array(said, dtype=str)))
        rows = replace(
            self._rows(known),
            views=settings.epochs,
            image_views=min(settings.views, settings.epochs),
            augmentation=augmentation,
            random_state=settings.random_state,
        )
        positives = torch.from_numpy(known.positives)

        def contrast(model: Any, batch: Any) -> torch.Tensor:
            one, other = model(batch)
            belongs = positives[batch.labels[:, 0].cpu()][:, batch.labels[:, 1].cpu()].to(one.device)
            return symmetric_contrastive_loss(one, other, belongs, scale=model.head.scale)

        tuned = fine_tune(
            self.model_,
            rows,
            objective=contrast,
            settings=settings,
            validation=None if held is None else self._rows(held),
            score=judge,
            what=f"{self.name}: fine-tuning {self.base_.name} and {self.image_base_.name}",
            listener=listener,
        )
        tuned.facts.update(facts)
        return tuned

    def _begun(self, known: PairedVectors, settings: Any) -> "TwoTowersAligned":
        """Give the encoders as they came, under the closed form."""
        encoder = TwoTowers(load_model(self.base_), load_image_network(self.image_base_))
        projections = TwoProjections.starting_from(known, settings.size, settings.temperature)
        model = TwoTowersAligned(encoder, projections, text_asks=known.text_asks)
        model.set_dropout(settings.dropout)
        return model.eval()

    def _rows(self, pairs: PairedVectors) -> JointRows:
        """Give each query beside each of its answers, and the positions of both."""
        collection: Collection = self.collection  # type: ignore[assignment]
        query, answer = pairs.pairs
        asked = [pairs.asked[one] for one in query]
        if pairs.text_asks:
            texts = [one.text for one in asked]
            pictures: list[Any] = [collection.pictures[one] for one in answer]
        else:
            texts = [collection.texts[one] for one in answer]
            pictures = [one.picture for one in asked]
        return JointRows(
            cutter_of(self.base_).first(texts),
            pictures,
            np.ones(len(texts), dtype=bool),
            np.stack([query, answer], axis=1).astype(np.int64),
            self.model_.pad_id,
            self.model_.encoder.image.preparation,
        )

    def _projections(self, known: PairedVectors) -> Projections:
        return known.projections(*self.model_.eval().head.projections())

    def _text_tower(self) -> Any:
        return self.model_.encoder.text

    def _image_tower(self) -> Any:
        return self.model_.encoder.image

    def _space(self, projections: Projections) -> CommonSpace:
        texts, images = TunedTexts(self._text_tower(), self.base_), TunedImages(self._image_tower())
        return CommonSpace(texts, images, projections)

    def _answers_as_learned(self, answers: np.ndarray) -> np.ndarray:
        collection: Collection = self.collection  # type: ignore[assignment]
        if collection.pictures:
            return TunedImages(self._image_tower()).vectors(list(collection.pictures))
        return TunedTexts(self._text_tower(), self.base_).vectors(list(collection.texts))


class TwoTowersAligned(TowersInTraining):
    """Two encoders under their projections into one space.

    Parameters
    ----------
    encoder : TwoTowers
    head : TwoProjections
        Of queries and of answers.
    text_asks : bool
        Whether the queries are texts.
    """

    def __init__(self, encoder: TwoTowers, head: TwoProjections, *, text_asks: bool):
        super().__init__(encoder, normalise=True)
        self.head = head
        self.text_asks = text_asks

    def forward(self, batch: JointBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Give the vectors of queries and of their answers, of length 1, each of shape (n_pairs, size)."""
        # A text stands beside each of its images; it is read once.
        both, place = torch.unique(torch.cat([batch.input_ids, batch.mask], dim=1), dim=0, return_inverse=True)
        ids, mask = both.chunk(2, dim=1)
        texts = self.texts(replace(batch, input_ids=ids, mask=mask))[place]
        images = self.images(batch)
        sides = (texts, images) if self.text_asks else (images, texts)
        one, other = self.head(*(self.head.centred(side, vectors) for side, vectors in enumerate(sides)))
        return one, other


@dataclass(frozen=True)
class TunedTexts:
    """Embeds texts by an encoder that was tuned."""

    encoder: Any
    base: Base

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Give the vector of each text, of length 1, an ndarray of float32 of shape (n_texts, hidden_size)."""
        unique = list(dict.fromkeys(texts))
        windows = cutter_of(self.base).cut(unique)
        found = of_length_one(windows.average(embed_ids(self.encoder, windows.ids, normalise=True)))
        of_text = dict(zip(unique, found, strict=True))
        return np.stack([of_text[text] for text in texts])


@dataclass(frozen=True)
class TunedImages:
    """Embeds images by a network that was tuned."""

    network: Any

    def vectors(self, pictures: Sequence[Picture]) -> np.ndarray:
        """Give the vector of each image, an ndarray of float32 of shape (n_pictures, n_features)."""
        return mean_of_each(pictures, self._of_each)

    def _of_each(self, pictures: list[Picture]) -> np.ndarray:
        parts = []
        with torch.inference_mode():
            for start in range(0, len(pictures), IMAGES_AT_ONCE):
                pixels = pixels_of(pictures[start : start + IMAGES_AT_ONCE], self.network.preparation)
                parts.append(self.network(torch.from_numpy(pixels)).float().numpy())
        return np.concatenate(parts)


class Judge:
    """How well validation queries find what answers them, by the encoders as they are at the time.

    Parameters
    ----------
    collection : Collection
    held : PairedVectors
    base : Base
        Of the texts.
    """

    def __init__(self, collection: Collection, held: PairedVectors, base: Base):
        picked = np.arange(0, len(held.asked), -(-len(held.asked) // MOST_ASKED))
        held = replace(
            held,
            queries=held.queries[picked],
            positives=held.positives[picked],
            asked=tuple(held.asked[row] for row in picked),
        )
        searched = np.flatnonzero(held.is_searched)
        right = np.flatnonzero(held.positives.any(axis=0) & held.is_searched)
        others = np.setdiff1d(searched, right)
        n_others = max(0, MOST_RANKED - len(right))
        some = others[:: max(1, len(others) // max(1, n_others))][:n_others]
        places = np.concatenate([right, some])
        self._held = replace(
            held, positives=held.positives[:, places], is_searched=np.ones(len(places), dtype=bool)
        )
        found: Sequence[Any] = collection.pictures if held.text_asks else collection.texts
        self._answers = [found[place] for place in places]
        self._asked = [one.text if held.text_asks else one.picture for one in held.asked]
        self._base = base

    def __call__(self, model: TwoTowersAligned, rows: Any) -> dict[str, float]:
        """Give the mean reciprocal rank."""
        was_training = model.training
        model.eval()
        texts, images = TunedTexts(model.encoder.text, self._base), TunedImages(model.encoder.image)
        one, other = (texts, images) if self._held.text_asks else (images, texts)
        held = replace(
            self._held,
            queries=one.vectors(self._asked),  # type: ignore[arg-type]
            answers=other.vectors(self._answers),
        )
        score = held.reciprocal_rank(held.projections(*model.head.projections()))
        model.train(was_training)
        return {"score": score, "reciprocal_rank": score}
