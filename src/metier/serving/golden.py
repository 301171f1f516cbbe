"""Golden rows that the release gate sealed into a manifest: a bundle answers them once more before it answers callers.

They were answered right where the gate ran. Here the processor, and with it the rounding of INT8, may be another one.
"""

import json
from collections.abc import Sequence
from typing import Any

from metier.bundles import Bundle
from metier.errors import BundleError, quoted
from metier.serving.answering import Answering


def check_golden(model: Answering) -> int:
    """Ask a bundle the golden rows of its manifest, and give how many there are.

    Raises
    ------
    BundleError
        If one is answered otherwise than when it was sealed, or they are no golden rows.
    """
    rows = _golden_rows(model)
    if not rows or not isinstance(model, Bundle):
        return 0
    answered = model.predict([one["question"] for one in rows]).predicted
    for number, (row, found) in enumerate(zip(rows, answered, strict=True), 1):
        if _plain(found) != _plain(row["answer"]):
            raise BundleError(
                f"{model.folder} answers golden row {number} with {quoted(found)}, and its release gate saw "
                f"{quoted(row['answer'])}. Run metier gate on this machine, and serve a version that passes here."
            )
    return len(rows)


def _golden_rows(model: Answering) -> Sequence[dict[str, Any]]:
    if not isinstance(model, Bundle) or not model.manifest.gate:
        return ()
    golden = model.manifest.gate.get("golden") or {}
    rows = golden.get("asked", []) if isinstance(golden, dict) else None
    if not isinstance(rows, list) or not all(
        isinstance(one, dict) and {"question", "answer"} <= one.keys() for one in rows
    ):
        raise BundleError(
            f"The golden rows in the manifest of {model.folder} are of another form. Run metier gate on it again."
        )
    return rows


def _plain(value: Any) -> Any:
    """Give an answer as JSON has it: tuples are lists."""
    return json.loads(json.dumps(value, default=str))
