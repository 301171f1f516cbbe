"""Near duplicates among rows: of texts by their shingles, of images by their looks."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from metier.data.rows import Rows, Texts
from metier.image.likeness import Look, look_at, near_duplicate_pictures
from metier.text.duplicates import Clusters, clusters_of_pairs, near_duplicates

# Above these numbers of rows only exact duplicates are searched for; each image is compared with each.
MOST_TEXTS, MOST_IMAGES = 500_000, 50_000


def can_search_near(*parts: Rows) -> bool:
    """Whether these rows together are few enough to search near duplicates among."""
    return sum(map(len, parts)) <= (MOST_IMAGES if parts[0].has_images else MOST_TEXTS)


def near_duplicates_of(*parts: Rows) -> Clusters:
    """Cluster the rows of some parts, one part after the other, that ask nearly the same; equal rows included.

    Of texts with images the images say it, as many images may have one text; rows without an image are alike where
    their texts are.
    """
    if not parts[0].has_images:
        return near_duplicates(_together(parts))
    looks = [own for rows in parts for own in looks_of(rows)]
    unseen = [position for position, own in enumerate(looks) if not own]
    ids = _rows_that_share_a_look(looks)
    if unseen:
        texts = [text for rows in parts for text in rows.texts]
        ids[unseen] = np.array(unseen)[near_duplicates([texts[position] for position in unseen]).ids]
    return Clusters(ids)


def looks_of(rows: Rows) -> list[list[Look]]:
    """Give the looks of the images of each row; raises `ImageError` where one was removed since it was read."""
    return [[] if picture is None else [look_at(one) for one in picture.each] for picture in rows.pictures]


def _rows_that_share_a_look(looks: Sequence[Sequence[Look]]) -> np.ndarray:
    """Cluster rows of which an image of one looks like an image of the other; a row without any is alone."""
    owners = [position for position, own in enumerate(looks) for _ in own]
    if not owners:
        return np.arange(len(looks))
    alike = near_duplicate_pictures([look for own in looks for look in own]).ids
    pairs = ((owner, owners[first]) for owner, first in zip(owners, alike.tolist(), strict=True))
    return clusters_of_pairs(pairs, len(looks)).ids


def _together(parts: Sequence[Rows]) -> Sequence[str]:
    inputs = [rows.whole_inputs for rows in parts]
    if len(inputs) == 1:
        return inputs[0]
    if all(isinstance(one, Texts) for one in inputs):  # Arrow columns stay on disk.
        columns = [rows.table.column(rows.roles.text) for rows in parts]
        return Texts(pa.chunked_array([chunk for column in columns for chunk in column.chunks], pa.string()))
    return [text for one in inputs for text in one]
