"""Near duplicates among rows: of texts by their shingles, of images by their looks."""

from collections.abc import Sequence

import pyarrow as pa

from metier.data.rows import Rows, Texts
from metier.image.likeness import Look, look_at, near_duplicate_pictures
from metier.text.duplicates import Clusters, near_duplicates

# Above these numbers of rows only exact duplicates are searched for; each image is compared with each.
MOST_TEXTS, MOST_IMAGES = 500_000, 50_000


def can_search_near(*parts: Rows) -> bool:
    """Whether these rows together are few enough to search near duplicates among."""
    return sum(map(len, parts)) <= (MOST_TEXTS if parts[0].has_texts else MOST_IMAGES)


def near_duplicates_of(*parts: Rows) -> Clusters:
    """Cluster the rows of some parts, one part after the other, that ask nearly the same; equal rows included."""
    if parts[0].has_texts:
        return near_duplicates(_together(parts))
    return near_duplicate_pictures([look for rows in parts for look in looks_of(rows)])


def looks_of(rows: Rows) -> list[Look]:
    """Give the look of each row's image; raises `ImageError` where one was removed since it was read."""
    return [look_at(path) for path in rows.image_files]


def _together(parts: Sequence[Rows]) -> Sequence[str]:
    inputs = [rows.whole_inputs for rows in parts]
    if len(inputs) == 1:
        return inputs[0]
    if all(isinstance(one, Texts) for one in inputs):  # Arrow columns stay on disk.
        columns = [rows.table.column(rows.roles.text) for rows in parts]
        return Texts(pa.chunked_array([chunk for column in columns for chunk in column.chunks], pa.string()))
    return [text for one in inputs for text in one]
