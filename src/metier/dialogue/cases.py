"""Cases: what was asked with a picture before, and what was answered."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from metier.errors import EmptyDataError
from metier.tasks.retrieval import image_of_each

if TYPE_CHECKING:  # What answers needs no Arrow.
    from metier.data.rows import Rows

ID_COLUMN = "id"


@dataclass(frozen=True)
class Case:
    """A question with a picture that was answered.

    Parameters
    ----------
    id : str
        What it is cited by.
    text, answer : str
    label : str or None
        What people said that it shows.
    image_id : str
        Of the content of its picture.
    image : str
        The name of its picture.
    """

    id: str
    text: str
    answer: str
    label: str | None
    image_id: str
    image: str


@dataclass(frozen=True)
class Cases:
    """Cases, found by their pictures.

    Parameters
    ----------
    cases : tuple of Case
    """

    cases: tuple[Case, ...]

    @classmethod
    def of_rows(cls, rows: "Rows") -> Self:
        """Give the cases of rows with the roles text, image and target; the label is optional.

        A case is cited by the column `id`, or by the number of its row. Rows without a picture or an answer are no
        cases.

        Raises
        ------
        MissingLabelError
            If no column has the answers.
        EmptyDataError
            If no row is a case.
        """
        answers = rows.column("target") if rows.roles.target is not None else rows.values("target")
        labels = rows.column("label") if rows.roles.label is not None else [None] * len(rows)
        has_ids = ID_COLUMN in rows.table.column_names
        ids = rows.table.column(ID_COLUMN).to_pylist() if has_ids else range(1, len(rows) + 1)
        images = image_of_each(rows) if rows.has_images else [None] * len(rows)
        found = [
            Case(str(name), image.text, answer, label, image.id, image.name)
            for name, image, answer, label in zip(ids, images, answers, labels, strict=True)
            if image is not None and answer
        ]
        if not found:
            raise EmptyDataError(
                f"No row of {rows.origin} has a picture and an answer, so there is no case to answer from. Name them "
                "with the roles image and target."
            )
        return cls(tuple(found))

    def with_images(self, image_ids: Iterable[str]) -> list[list[Case]]:
        """Give the cases of each picture, by the id of its content."""
        of_image: dict[str, list[Case]] = {}
        for case in self.cases:
            of_image.setdefault(case.image_id, []).append(case)
        return [of_image.get(image_id, []) for image_id in image_ids]
