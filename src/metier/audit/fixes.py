"""What of the findings is safe to fix, cell by cell: what `--repair` does when rows are read, and signs of a wrong
encoding.

Values of spans, entities and answers are those that `read(..., repair=True)` gives, so that a corrected file is read
without repair to the same rows. Labels are changed only where that is asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from metier.audit.finding import Finding
from metier.audit.source import Examined
from metier.data.columns.value_faults import FaultKind, FaultLog

# Roles whose repaired values stand for their column; a conversation loses its last turn to another one.
FIXED_ROLES = ("spans", "head", "tail", "answers")
REMOVED_ROLES = (*FIXED_ROLES, "image")
# The step of cleaning that fixes a finding.
STEPS_BY_FINDING = {"mojibake": "mojibake", "unseen-signs": "control-signs", "mixed-widths": "width"}
Cell = tuple[int, str]


@dataclass
class Fixes:
    """What to change in a file.

    Parameters
    ----------
    cells : dict of (row, column) to (value, rule)
        Positions of rows count from 0.
    removed : dict of int to (column, rule)
        Rows that nothing can fix.
    steps : tuple of str
        Steps of cleaning for the texts.
    stray_lines : tuple of int
        Lines of a CoNLL file whose I- begins an entity.
    """

    cells: dict[Cell, tuple[Any, str]] = field(default_factory=dict)
    removed: dict[int, tuple[str, str]] = field(default_factory=dict)
    steps: tuple[str, ...] = ()
    stray_lines: tuple[int, ...] = ()


def plan_fixes(examined: Examined, *, labels: bool = False) -> Fixes:
    """Give the fixes for the training rows.

    Parameters
    ----------
    labels : bool, default=False
        Whether labels that look wrong or are spelt in two ways are changed, too.
    """
    findings = examined.audit.findings
    own = [finding for finding in findings if finding.origin == examined.rows.origin]
    found = {finding.check for finding in own}
    fixes = Fixes(steps=tuple(step for check, step in STEPS_BY_FINDING.items() if check in found))
    log = examined.faults.get("train")
    if log is not None:
        _add_repairs(fixes, examined, log)
    if labels and examined.rows.roles.label is not None:
        for finding in own:
            _add_labels(fixes, finding, examined)
    return fixes


def _add_repairs(fixes: Fixes, examined: Examined, log: FaultLog) -> None:
    fixes.stray_lines = () if log.stray is None else tuple(log.stray.lines)
    kept = range(len(examined.rows)) if log.kept is None else log.kept.tolist()
    places = {int(row): place for place, row in enumerate(kept)}
    for kind in log.kinds:
        _add_kind(fixes, kind, places, examined)


def _add_kind(fixes: Fixes, kind: FaultKind, places: Mapping[int, int], examined: Examined) -> None:
    rule = f"{kind.role} {kind.kind}"
    values = examined.rows.table.column(kind.column) if kind.role in FIXED_ROLES else None
    for row in kind.rows:
        if row in kind.unfixable and kind.role in REMOVED_ROLES:
            fixes.removed[row] = (kind.column, rule)
        elif values is not None and row in places:
            fixes.cells[row, kind.column] = (values[places[row]].as_py(), rule)


def _add_labels(fixes: Fixes, finding: Finding, examined: Examined) -> None:
    column = str(examined.rows.roles.label)
    if finding.check == "label-errors":
        for row, label in zip(finding.rows, finding.facts.get("suggested", ()), strict=False):
            fixes.cells[row, column] = (label, "label-errors")
    if finding.check == "label-spellings":
        usual = {label: family[0] for family in finding.facts["families"] for label in family[1:]}
        log = examined.faults.get("train")
        kept = range(len(examined.rows)) if log is None or log.kept is None else log.kept.tolist()
        labels = dict(zip(kept, examined.rows.column("label"), strict=True))
        for row in finding.rows:
            if labels.get(row) in usual:
                fixes.cells.setdefault((row, column), (usual[labels[row]], "label-spellings"))
