"""How far two labellers agree, and so the highest accuracy that can be shown on labels like these.

Where two people label alike well and err alone, and each is right with probability p, they agree with probability p²
+ (1 - p)² / (k - 1) of k labels. A model that is always right agrees with the labels of one of them in p of the rows:
nothing above p can be told from it. Cohen's kappa [1]_ is the agreement beyond chance.

References
----------
.. [1] Cohen, "A coefficient of agreement for nominal scales", 1960.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from metier.audit.finding import Finding, examples_of, positions_of
from metier.data.rows import Rows
from metier.evaluation.figure import Figure
from metier.figures import count_of

FEWEST_ROWS = 20
KNOWN_FRACTION = 0.9  # Of the values of a second labeller: labels of the first.
LEAST_KAPPA = 0.2  # Less is no second opinion on the same question.


def check_noise_ceiling(rows: Rows) -> Iterator[Finding]:
    """Find columns with the labels of a second labeller, and say what accuracy their agreement allows."""
    if rows.roles.label is None:
        return
    own = rows.column("label")
    for name, others in _second_opinions(rows, own):
        both = [
            place
            for place, pair in enumerate(zip(own, others, strict=True))
            if None not in pair and all(str(one).strip() for one in pair)
        ]
        if len(both) < FEWEST_ROWS:
            continue
        first, second = (np.array([str(values[place]).strip() for place in both]) for values in (own, others))
        agreement, kappa = agreement_of(first, second)
        if agreement == 1 or kappa < LEAST_KAPPA:
            continue
        apart = [both[place] for place in np.flatnonzero(first != second)]
        n_labels = len({*first.tolist(), *second.tolist()})
        found = Figure.of_share(int((first == second).sum()), len(both))
        ceiling, low, high = (
            highest_accuracy(share, n_labels) for share in (agreement, found.low or 0.0, found.high or 1.0)
        )
        yield Finding(
            "noise-ceiling",
            "note",
            f"{rows.roles.label} and {name} agree in {agreement:.1%} of {count_of(len(both), 'row')} (kappa {kappa:.2f}): "
            f"no accuracy above {ceiling:.1%} ({low:.1%} to {high:.1%}) can be shown on such labels",
            positions_of(apart),
            rows.origin,
            examples_of(rows, apart, other=[str(others[place]) for place in apart]),
            "let a third labeller decide these rows",
            {
                "column": name,
                "agreement": agreement,
                "kappa": kappa,
                "ceiling": ceiling,
                "ceiling_interval": [low, high],
                "rule": "both labellers are right equally often and err independently of each other and evenly "
                "over the labels",
            },
        )


def _second_opinions(rows: Rows, own: Sequence[str | None]) -> Iterator[tuple[str, list[str | None]]]:
    known = {str(label).strip() for label in own if label is not None}
    for name in rows.table.column_names:
        column = rows.table.column(name)
        if name in rows.roles.named.values() or pa.types.is_nested(column.type) or len(known) < 2:
            continue
        values = column.to_pylist()
        given = [str(value).strip() for value in values if value is not None and str(value).strip()]
        if (
            given
            and len({*given}) > 1
            and sum(value in known for value in given) >= KNOWN_FRACTION * len(given)
        ):
            yield name, values


def agreement_of(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Give the share of rows with equal labels, and Cohen's kappa."""
    labels, codes = np.unique(np.concatenate([first, second]), return_inverse=True)
    one, other = codes[: len(first)], codes[len(first) :]
    agreement = float((one == other).mean())
    shares = [np.bincount(own, minlength=len(labels)) / len(own) for own in (one, other)]
    chance = float(shares[0] @ shares[1])
    return agreement, 1.0 if chance == 1 else (agreement - chance) / (1 - chance)


def highest_accuracy(agreement: float, n_labels: int) -> float:
    """Give how often each of two labellers is right who agree in this share of the rows, 0 to 1.

    Below the agreement of guessing it is that of guessing.
    """
    grown = n_labels / (n_labels - 1)
    return 1 - (1 - float(np.sqrt(max(0.0, 1 - (1 - agreement) * grown)))) / grown
