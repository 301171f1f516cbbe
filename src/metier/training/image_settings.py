"""The settings of every method that tunes a network of images."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from metier.bases.adaptation import check_fits, parse_adaptation
from metier.bases.base import Base
from metier.bases.efficientnet_lite import OWN_TYPE
from metier.bases.image_base import image_base
from metier.bases.known_bases import read_json
from metier.errors import SettingsError
from metier.image.augmentation import Augmentation, sides_in
from metier.tasks.examples import Examples
from metier.tasks.method_settings import MethodSettings
from metier.training.encoder_settings import StartedSettings

ADAPTATIONS = (
    "full",
    "head",
    "top",
    "lora",
    "bitfit",
)  # The others put vectors or layers between those of text.
TERMS_OF_TEXT = ("fgm", "pgd", "mixup", "simcse", "distillation")


class AugmentedSettings(MethodSettings):
    """How training images are changed."""

    views: int = Field(
        4,
        ge=1,
        description="Changed versions of each image that the epochs take in turn; each costs one pass through the frozen "
        "blocks.",
    )
    crop: float = Field(
        0.3, ge=0, lt=1, description="Augmentation: largest share of the area that is cut away; 0: nothing is."
    )
    flip: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Augmentation: probability that left and right are swapped; None: 0.5, and 0 where a label names a "
        "side, a direction or writing.",
    )
    colour: float = Field(
        0.2, ge=0, le=1, description="Augmentation: largest change of brightness, contrast and saturation."
    )
    rotation: float = Field(0.0, ge=0, le=180, description="Augmentation: largest turn in degrees.")

    @property
    def augments(self) -> bool:
        """Whether images may be changed."""
        return any((self.crop, self.colour, self.rotation, self.flip is None or self.flip))

    def augmentation(self, examples: Examples) -> tuple[Augmentation, dict[str, Any]]:
        """Give how images are changed, and facts: whether left and right are swapped, and if not, why."""
        sides = sides_in(map(str, examples.labels)) if examples.labels is not None else []
        flip = self.flip if self.flip is not None else 0.0 if sides else 0.5
        found = Augmentation(crop=self.crop, flip=flip, colour=self.colour, rotation=self.rotation)
        facts: dict[str, Any] = {"augmentation": vars(found)}
        if self.flip is None and sides:
            facts["not_flipped_for"] = sides[:5]
        return found, facts


class ImageSettings(AugmentedSettings, StartedSettings):
    """What every method that tunes a network of images can be set to."""

    token_budget: ClassVar[None] = None  # type: ignore[misc, assignment]  # Batches are counted in images.

    base: Any = Field(
        "auto", description="A folder in Hugging Face layout, a known short name; `auto` is efficientnet-lite0."
    )
    adaptation: str = Field(
        "top:6", description="Which weights of the base train: `full`, `head`, `top:6`, `lora:8` or `bitfit`."
    )
    epochs: int = Field(12, ge=1, description="Length of the learning-rate schedule.")
    batch_size: int = Field(16, ge=1, description="Images of a batch.")

    @classmethod
    def misfits(cls, values: Mapping[str, Any]) -> list[str]:
        """Say which values do not go with one another."""
        faults = super().misfits(values)
        if not faults and parse_adaptation(values["adaptation"]).kind not in ADAPTATIONS:
            faults.append(
                f"adaptation is {values['adaptation']!r}, which is for texts; expected one of full, head, top:6, lora:8, "
                "bitfit"
            )
        terms = [part.partition(":")[0] for part in str(values["objective"] or "").split("+")]
        faults += [
            f"objective has {term!r}, which is for texts; leave it out"
            for term in terms
            if term in TERMS_OF_TEXT
        ]
        return faults

    @property
    def batch_budget(self) -> int:
        """Images of a batch."""
        return self.batch_size

    def resolve(self, *, language: str | None) -> Base:
        """Find the base, and refuse an adaptation that is too large for it."""
        base = image_base(self.base)
        if self.gradient_checkpointing and read_json(base.folder / "config.json").get("model_type") == OWN_TYPE:
            raise SettingsError(
                [
                    "gradient_checkpointing is on, which this network has not; leave it out, or take a smaller batch_size"
                ],
                origin="The settings",
            )
        check_fits(self.adaptation, base)
        return base
