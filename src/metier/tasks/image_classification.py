"""Classification of images: one label per image."""

from dataclasses import dataclass
from typing import ClassVar

from metier.tasks.classification import Classification
from metier.tasks.inputs.image import IMAGE
from metier.tasks.inputs.kind import InputKind


@dataclass(frozen=True)
class ImageClassification(Classification):
    """The task of giving one of a fixed set of labels to an image.

    Parameters
    ----------
    labels : tuple of str
        The label space, sorted; column order of every probability.
    primary_metric : {"accuracy", "macro_f1"}
        What candidates are ranked by.
    """

    name: ClassVar[str] = "image_classification"
    title: ClassVar[str] = "image classification"

    @property
    def input(self) -> InputKind:
        """The form of its questions: images."""
        return IMAGE
