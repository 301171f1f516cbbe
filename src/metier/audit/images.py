"""What the images are like: of one colour, very small, and nearly the same under different labels."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from metier.audit.finding import Finding, examples_of, positions_of
from metier.data.near_duplicates import can_search_near, looks_of, near_duplicates_of
from metier.data.rows import Rows
from metier.figures import count_of

SMALL_PIXELS = 32  # Of the shorter side.


def check_images(rows: Rows) -> Iterator[Finding]:
    """Find images that show nothing or little, and near duplicates with different labels."""
    if not rows.has_images:
        return
    seen = np.array([at for at, name in enumerate(rows.column("image")) if name], dtype=np.int64)
    yield from _missing(rows, len(seen))
    for finding in _of_images(rows.take(seen)):
        shown = tuple({**one, "row": int(seen[one["row"] - 1]) + 1} for one in finding.examples)
        yield replace(finding, rows=tuple(int(seen[at]) for at in finding.rows), examples=shown)


def _missing(rows: Rows, n_seen: int) -> Iterator[Finding]:
    """Say how many rows have no image; where none or few have one, nothing can be learned from them."""
    without = [at for at, name in enumerate(rows.column("image")) if not name]
    if without:
        is_all = n_seen == 0
        yield Finding(
            "missing-images",
            "error" if is_all else "note",
            f"{count_of(len(without), 'row')} {'has' if len(without) == 1 else 'have'} no image: "
            + ("there is none to learn from" if is_all else "their text alone is asked"),
            positions_of(without),
            rows.origin,
            examples_of(rows, without),
            "leave the images out with --role image=none" if is_all else "",
            {"rows": len(without)},
        )


def _of_images(rows: Rows) -> Iterator[Finding]:
    if not len(rows):
        return
    # Of a row with several images all must show nothing, and one may be small.
    looks = looks_of(rows)
    blank = [position for position, own in enumerate(looks) if all(look.is_blank for look in own)]
    if blank:
        yield Finding(
            "blank-images",
            "warning",
            f"{count_of(len(blank), 'image')} of one colour {'shows' if len(blank) == 1 else 'show'} nothing",
            positions_of(blank),
            rows.origin,
            examples_of(rows, blank),
            "take them again, or remove them",
        )
    least = [min(own, key=lambda look: min(look.width, look.height)) for own in looks]
    small = [position for position, look in enumerate(least) if min(look.width, look.height) < SMALL_PIXELS]
    if small:
        sizes = [f"{least[position].width} x {least[position].height}" for position in small]
        yield Finding(
            "small-images",
            "note",
            f"{count_of(len(small), 'image')} with a side below {SMALL_PIXELS} pixels",
            positions_of(small),
            rows.origin,
            examples_of(rows, small, size=sizes),
        )
    if rows.roles.label is not None and can_search_near(rows):
        yield from _alike_under_other_labels(rows)


def _alike_under_other_labels(rows: Rows) -> Iterator[Finding]:
    """Find groups of images that look the same and have different labels; equal files are reported elsewhere."""
    # Rows of which all images are equal are reported elsewhere.
    labels, content = rows.column("label"), rows.image_contents
    groups = [
        group
        for group in near_duplicates_of(rows).groups()
        if len({labels[at] for at in group}) > 1 and len({content[at] for at in group}) > 1
    ]
    if not groups:
        return
    positions = [int(at) for group in groups for at in group]
    numbers = [number for number, group in enumerate(groups, 1) for _ in group]
    yield Finding(
        "alike-under-labels",
        "warning",
        f"{count_of(len(groups), 'group')} of images that look the same {'has' if len(groups) == 1 else 'have'} different "
        f"labels ({count_of(len(positions), 'row')})",
        positions_of(positions),
        rows.origin,
        examples_of(rows, positions, group=numbers),
        "give images of one thing one label",
        {"groups": len(groups)},
    )


def size_facts(rows: Rows) -> dict[str, list[int]]:
    """Give the sizes of the smallest and the largest image, by their pixels, as width and height."""
    each = (look for own in looks_of(rows) for look in own)
    sizes = sorted(([look.width, look.height] for look in each), key=lambda size: size[0] * size[1])
    return {"smallest": sizes[0], "largest": sizes[-1]}
