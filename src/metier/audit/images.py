"""What the images are like: of one colour, very small, and nearly the same under different labels."""

from collections.abc import Iterator

from metier.audit.finding import Finding, examples_of, positions_of
from metier.data.near_duplicates import can_search_near, looks_of, near_duplicates_of
from metier.data.rows import Rows
from metier.figures import count_of
from metier.image.likeness import equal_pictures

SMALL_PIXELS = 32  # Of the shorter side.


def check_images(rows: Rows) -> Iterator[Finding]:
    """Find images that show nothing or little, and near duplicates with different labels."""
    if rows.has_texts:
        return
    looks = looks_of(rows)
    blank = [position for position, look in enumerate(looks) if look.is_blank]
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
    small = [position for position, look in enumerate(looks) if min(look.width, look.height) < SMALL_PIXELS]
    if small:
        sizes = [f"{looks[position].width} x {looks[position].height}" for position in small]
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
    labels, content = rows.column("label"), equal_pictures(looks_of(rows)).ids
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
    sizes = sorted(([look.width, look.height] for look in looks_of(rows)), key=lambda size: size[0] * size[1])
    return {"smallest": sizes[0], "largest": sizes[-1]}
