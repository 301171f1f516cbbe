"""An average as it is put together from exported members: what each counts, and what decodes the whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from metier.fusion.composition import place_member, shared_labels
from metier.predictors.composite.average import AVERAGES
from metier.predictors.loading import write_settings
from metier.tasks.answers import Decoder


@dataclass(frozen=True)
class FittedAverage:
    """What an average needs to know to answer.

    Parameters
    ----------
    kind : str
        Of predictor, see `predictors.composite.average.AVERAGES`.
    members : sequence of mappings
        The `weight` and the `temperature` of each, in the order they were given; equal weights, and 1, where missing.
    decoder : Decoder
        Makes answers of the average.
    """

    kind: str
    members: Sequence[Mapping[str, float]]
    decoder: Decoder

    def settings(self) -> dict[str, Any]:
        """Give it as JSON holds it."""
        return {**self.decoder.settings(), "members": [dict(member) for member in self.members]}

    @classmethod
    def of(cls, settings: Mapping[str, Any], *, kind: str) -> Self:
        """Read what `settings` gave."""
        return cls(kind, settings["members"], AVERAGES[kind].answer.read_decoder(settings))


def export_fitted(fit: FittedAverage, member_folders: Sequence[Path], folder: Path, *, name: str) -> None:
    """Put exported members together into a folder that `predictors.composite.average` answers from.

    Parameters
    ----------
    fit : FittedAverage
    member_folders : sequence of Path
        Folders that methods were exported to, in the order of the fit.
    folder : Path
        Made if need be.
    name : str
        Versioned name of the method.
    """
    if len(member_folders) != len(fit.members):
        raise ValueError(
            f"Expected one folder for each of {len(fit.members)} members, found {len(member_folders)}. "
            "Give the folders in the order of the fit."
        )
    shared_labels(member_folders, order=fit.decoder.labels)
    folder.mkdir(parents=True, exist_ok=True)
    members = [
        {**place_member(source, folder, f"members/{number}"), **fit.members[number]}
        for number, source in enumerate(member_folders)
    ]
    write_settings(folder, {"kind": fit.kind, "name": name, **fit.settings(), "members": members})
