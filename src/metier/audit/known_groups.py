"""Groups on both sides of a given split: the same patient, product or customer is learned from and tested on."""

from collections.abc import Iterator

from metier.audit.finding import Finding, examples_of, positions_of
from metier.data.rows import Rows
from metier.figures import count_of
from metier.image.dicom.patients import patient_codes


def check_known_groups(rows: Rows, other: Rows, *, name: str) -> Iterator[Finding]:
    """Find rows of a held-out part whose group also has training rows.

    Parameters
    ----------
    rows : Rows
        The training rows.
    other : Rows
        The held-out rows.
    name : {"test", "validation"}
        Name of the held-out part.
    """
    column = rows.roles.group
    if column is None or column not in other.table.column_names:
        return
    if rows.has_images and rows.column("group") == patient_codes(rows.image_files):
        return  # `check_known_patients` says it.
    known = {str(group) for group in rows.column("group") if group is not None}
    groups = [None if group is None else str(group) for group in other.table.column(column).to_pylist()]
    shared = [position for position, group in enumerate(groups) if group in known]
    if not shared:
        return
    n_groups = len({groups[position] for position in shared})
    yield Finding(
        f"{name}-known-groups",
        "warning",
        f"{count_of(len(shared), 'row')} of {other.origin} {'is' if len(shared) == 1 else 'are'} of "
        f"{count_of(n_groups, 'group')} ({column}) that also {'has' if n_groups == 1 else 'have'} rows in {rows.origin}: "
        "scores on new groups will be lower",
        positions_of(shared),
        other.origin,
        examples_of(other, shared, group=[groups[position] for position in shared]),
        "keep each group in one split",
        {f"{name}_rows": len(shared), "groups": n_groups, "fraction": len(shared) / len(other)},
    )
