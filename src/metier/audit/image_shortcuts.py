"""Labels that can be told without what an image shows: from its border, its size and format, or its mean colour.

A ruler, a frame, a letter of the department or the camera of one shop predicts the label on these rows and nowhere
else. A shallow classifier sees only such signs, and answers rows it did not learn from; near duplicates and rows of
one group stay on one side. A border says little where the ground belongs to the thing (fish lie on ice), so it counts
where it tells more than the middle of the image does.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import StratifiedGroupKFold

from metier.audit.finding import Finding
from metier.data.near_duplicates import near_duplicates_of
from metier.data.rows import Rows
from metier.image.decoding import decoded, opened
from metier.image.picture import Picture
from metier.text.duplicates import clusters_of_pairs

MOST_ROWS = 600  # Drawn, so that a check stays short.
LEAST_ROWS, LEAST_OF_LABEL, MOST_LABELS = 40, 8, 20
FOLDS = 4
TREES = 60
SIDE, CELL, RING = 40, 2, 2  # Pixels; pixels of a cell; cells of the ring: 10 % of the side.
GAIN = 0.2  # Above the share of the most frequent label, after twice the standard error: far above.
LEAD = 0.05  # Of the border over the middle.
LAG = 0.02  # Of the mean colour behind the middle, which then says no more.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")


def check_shortcuts(rows: Rows, *, random_state: int = 0) -> Iterator[Finding]:
    """Find signs from which labels can be told far better than by guessing the most frequent one."""
    picked = _drawn(rows, random_state)
    if picked is None:
        return
    some = rows.take(picked)
    pictures = [picture for picture in some.pictures if picture is not None]
    labels, sides = np.array(some.column("label")), _sides(some)
    cells = np.stack([_cells(picture) for picture in pictures])
    ring = np.ones(cells.shape[1:3], dtype=bool)
    ring[RING:-RING, RING:-RING] = False
    seen = {
        "border": cells[:, ring].reshape(len(cells), -1),
        "middle": cells[:, ~ring].reshape(len(cells), -1),
        "size": np.array([_form(picture) for picture in pictures]),
        "colour": np.column_stack([cells.mean(axis=(1, 2)), cells.std(axis=(1, 2))]),
    }
    right = {name: _share_right(values, labels, sides, random_state) for name, values in seen.items()}
    yield from _findings(rows, right, Counter(labels.tolist()))


def _findings(rows: Rows, right: dict[str, float], counts: Counter[str]) -> Iterator[Finding]:
    n_rows = counts.total()
    majority = max(counts.values()) / n_rows

    def is_far_above(share: float) -> bool:
        return bool(share - 2 * np.sqrt(share * (1 - share) / n_rows) > majority + GAIN)

    facts = {
        **{name: round(share, 4) for name, share in right.items()},
        "majority": round(majority, 4),
        "rows": n_rows,
    }
    if is_far_above(right["border"]) and right["border"] > right["middle"] + LEAD:
        yield Finding(
            "labels-by-border",
            "warning",
            f"labels can be told from the border of the images alone ({100 * right['border']:.0f} % right on {n_rows:,} "
            f"rows; from the middle {100 * right['middle']:.0f} %, by guessing {100 * majority:.0f} %)",
            origin=rows.origin,
            remedy="look for rulers, letters and frames that one label has, and cut them off",
            facts=facts,
        )
    if is_far_above(right["size"]):
        yield Finding(
            "labels-by-size",
            "warning",
            f"labels can be told from the size and the file format of the images alone ({100 * right['size']:.0f} % "
            f"right on {n_rows:,} rows, by guessing {100 * majority:.0f} %)",
            origin=rows.origin,
            remedy="bring all images into one size and format, or take those of every label from one source",
            facts=facts,
        )
    if is_far_above(right["colour"]) and right["colour"] > right["middle"] - LAG:
        yield Finding(
            "labels-by-colour",
            "note",
            f"labels can be told from the mean colour of the images alone ({100 * right['colour']:.0f} % right on "
            f"{n_rows:,} rows; from what is in the middle {100 * right['middle']:.0f} %, by guessing "
            f"{100 * majority:.0f} %)",
            origin=rows.origin,
            remedy="look whether cameras, light or scanners differ between labels",
            facts=facts,
        )


def _drawn(rows: Rows, random_state: int) -> np.ndarray | None:
    """Draw rows with an image and a label that is frequent enough; None where they are too few."""
    if not rows.has_images or rows.roles.label is None:
        return None
    labels, images = rows.column("label"), rows.column("image")
    able = [
        at for at, (label, image) in enumerate(zip(labels, images, strict=True)) if label is not None and image
    ]
    if len(able) > MOST_ROWS:
        able = sorted(np.random.default_rng(random_state).choice(able, MOST_ROWS, replace=False).tolist())
    counts = Counter(labels[at] for at in able)
    frequent = {label for label, n in counts.most_common(MOST_LABELS) if n >= LEAST_OF_LABEL}
    kept = [at for at in able if labels[at] in frequent]
    return np.array(kept) if len(frequent) > 1 and len(kept) >= LEAST_ROWS else None


def _sides(rows: Rows) -> np.ndarray:
    """Give numbers of rows that stay on one side: near duplicates, and those of one group."""
    alike = near_duplicates_of(rows).ids
    if rows.roles.group is None:
        return alike
    firsts: dict[str, int] = {}
    pairs = [(at, int(first)) for at, first in enumerate(alike)]
    pairs += [
        (at, firsts.setdefault(group, at)) for at, group in enumerate(rows.column("group")) if group is not None
    ]
    return clusters_of_pairs(pairs, len(rows)).ids


def _cells(picture: Picture) -> np.ndarray:
    pixels = decoded(picture, SIDE).astype(np.float32)
    n = SIDE // CELL
    means: np.ndarray = pixels.reshape(n, CELL, n, CELL, 3).mean(axis=(1, 3))
    return means


def _form(picture: Picture) -> list[float]:
    """Give what a file says of itself without a pixel: size, proportions, format, kind of colours."""
    with opened(picture) as image:
        width, height, form, bands = image.width, image.height, image.format, len(image.getbands())
        has_camera = float(bool(image.getexif()))
    known = [float(form == each) for each in FORMATS]
    return [width, height, width / height, width * height, bands, has_camera, *known]


def _share_right(values: np.ndarray, labels: np.ndarray, sides: Sequence[int] | np.ndarray, seed: int) -> float:
    """Give the share of rows that are answered right by trees that did not learn from them."""
    trees = ExtraTreesClassifier(TREES, min_samples_leaf=2, random_state=seed)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    right = np.zeros(len(labels), dtype=bool)
    for learned, held_out in folds.split(values, labels, np.asarray(sides)):
        right[held_out] = (
            trees.fit(values[learned], labels[learned]).predict(values[held_out]) == labels[held_out]
        )
    return float(right.mean())
