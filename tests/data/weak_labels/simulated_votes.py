"""Simulated votes of independent rules on rows with known labels, to test label models."""

import numpy as np

LABELS = ("a", "b", "c")
# Accuracy and coverage of each rule; and the label it votes for, where it votes for one only.
SETTINGS = {
    "two labels": {
        "balance": (0.5, 0.5),
        "rules": [(0.9, 0.6), (0.8, 0.5), (0.7, 0.7), (0.65, 0.4), (0.85, 0.3), (0.6, 0.8)],
    },
    "three labels": {
        "balance": (0.5, 0.3, 0.2),
        "rules": [(0.85, 0.7), (0.8, 0.6), (0.7, 0.7), (0.75, 0.5), (0.6, 0.8)],
    },
    "a label each": {
        "balance": (0.4, 0.35, 0.25),
        "rules": [(0.9, 0.3, 0), (0.75, 0.3, 0), (0.85, 0.25, 1), (0.7, 0.3, 1), (0.9, 0.2, 2), (0.7, 0.2, 2)],
    },
}


def simulate(name, *, n_rows=1500, seed=0):
    """Give votes of shape (n_rows, n_rules), -1 where a rule abstains, and the true labels."""
    setting, random = SETTINGS[name], np.random.default_rng(seed)
    balance = np.array(setting["balance"])
    truth = random.choice(len(balance), size=n_rows, p=balance)
    votes = np.full((n_rows, len(setting["rules"])), -1, dtype=np.int64)
    for rule, (accuracy, coverage, *only) in enumerate(setting["rules"]):
        if only:
            # It votes on a fraction `coverage` of all rows, of which `accuracy` have its label.
            label, n_spoken = only[0], round(coverage * n_rows)
            right = random.permutation(np.flatnonzero(truth == label))[: round(accuracy * n_spoken)]
            wrong = random.permutation(np.flatnonzero(truth != label))[: n_spoken - len(right)]
            votes[np.concatenate([right, wrong]), rule] = label
            continue
        spoken = random.random(n_rows) < coverage
        right = random.random(n_rows) < accuracy
        other = (truth + random.integers(1, len(balance), size=n_rows)) % len(balance)
        votes[spoken, rule] = np.where(right, truth, other)[spoken]
    return votes, truth
