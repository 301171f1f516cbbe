"""Texts and images that part of the rows lack: a whole split, or all rows of a label."""

from collections import defaultdict
from collections.abc import Iterator

from metier.audit.finding import Finding, examples_of, positions_of
from metier.audit.labels import MOST_NAMED, labels_of_rows
from metier.data.rows import Rows
from metier.figures import count_of


def check_labels_without_images(rows: Rows) -> Iterator[Finding]:
    """Find labels that only rows without an image have, where others have one: its absence tells the label."""
    own = labels_of_rows(rows)
    if not (rows.has_images and rows.has_texts) or own is None:
        return
    has_image = [bool(name) for name in rows.column("image")]
    rows_of = defaultdict[str, list[int]](list)
    for position, labels in enumerate(own):
        for label in labels:
            rows_of[label].append(position)
    bare = [label for label, held in rows_of.items() if len(held) > 1 and not any(has_image[at] for at in held)]
    if not bare or len(bare) == len(rows_of):
        return
    positions = sorted(at for label in bare for at in rows_of[label])
    named = ", ".join(bare[:MOST_NAMED]) + (", …" if len(bare) > MOST_NAMED else "")
    yield Finding(
        "labels-without-images",
        "warning",
        f"{count_of(len(bare), 'label')} {'stands' if len(bare) == 1 else 'stand'} only in rows without an image "
        f"({named}): a model learns that no image means this label",
        positions_of(positions),
        rows.origin,
        examples_of(rows, positions),
        "add images to some rows of every label, or leave images out with --role image=none",
        {"labels": bare},
    )


def check_missing_modality(rows: Rows, other: Rows, *, name: str) -> Iterator[Finding]:
    """Find a held-out part of which no row has an image, or none a text, where training rows have both.

    Parameters
    ----------
    rows : Rows
        The training rows.
    other : Rows
        The held-out rows.
    name : {"test", "validation"}
        Name of the held-out part.
    """
    if not (rows.has_images and rows.has_texts and other.has_images and other.has_texts):
        return
    lacks = {
        "image": (any(rows.column("image")), any(other.column("image"))),
        "text": (any(map(str.strip, rows.texts)), any(map(str.strip, other.texts))),
    }
    for what, (in_train, in_other) in lacks.items():
        if in_train != in_other:
            without, having = (other, rows) if in_train else (rows, other)
            yield Finding(
                f"{name}-missing-images" if what == "image" else f"{name}-missing-texts",
                "error" if name == "test" else "warning",
                f"no row of {without.origin} has {'an image' if what == 'image' else 'a text'}, and rows of "
                f"{having.origin} have: what is measured is not what is asked",
                origin=other.origin,
                remedy="split the rows again, so that each part has rows of every kind",
            )
