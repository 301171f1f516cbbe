"""What the choice of a candidate costs: regret and saving of the recommendation, by simulation.

    python scripts/regret.py [--runs 400]

Candidates are drawn like those of a run on labelled texts: a baseline, two cheap linear models, a frozen encoder, a
fine-tuned one and the average of all but the baseline. A row has a difficulty that they share, so that they are right on
mostly the same rows. `recommend` chooses on n rows that all of them answered; the regret is how many points less
accurate the chosen one truly is than the best, the saving is the share of the cost of the best that is not paid. Other
rules are applied to the same draws.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from metier.selection.recommendation import Answered, recommend
from metier.selection.scores import Scores
from metier.tasks import Classification

LATENCIES = {"majority": 0.003, "tfidf": 0.1, "static": 0.1, "frozen": 5.0, "encoder": 5.0, "average": 10.0}
# Mean and standard deviation of a candidate's ability beside the data set's, in logits; from runs on public sets.
ABILITIES = {
    "majority": (-4.0, 0.5),
    "tfidf": (-0.1, 0.35),
    "static": (-0.2, 0.35),
    "frozen": (0.15, 0.35),
    "encoder": (0.3, 0.4),
    "average": (0.5, 0.25),
}
# Share of the variance of a row's difficulty that all candidates have in common.
SHARED = 0.8
SIZES = (80, 300, 1_000, 5_000)
LABELS = ("right", "wrong")


@dataclass(frozen=True)
class Draw:
    """Candidates of one data set.

    Parameters
    ----------
    right : dict of str to ndarray of bool
        The rows that each answers correctly.
    accuracy : dict of str to float
        The true share of them.
    """

    right: dict[str, np.ndarray]
    accuracy: dict[str, float]


def drawn(n_rows: int, rng: np.random.Generator) -> Draw:
    """Draw candidates and what they answer."""
    level = rng.normal(2.0, 0.8)
    shared = rng.normal(size=n_rows)
    right, accuracy = {}, {}
    for name, (mean, spread) in ABILITIES.items():
        share = float(expit(level + rng.normal(mean, spread)))
        own = np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * rng.normal(size=n_rows)
        right[name], accuracy[name] = own < norm.ppf(share), share
    return Draw(right, accuracy)


Rule = Callable[[Draw], str]


def by_the_program(draw: Draw) -> str:
    """What `recommend` ships."""
    n_rows = len(draw.right["tfidf"])
    judge = Scores(Classification(LABELS, "accuracy"), ["right"] * n_rows)
    answered = [
        Answered(name, np.where(right, *LABELS).tolist(), LATENCIES[name]) for name, right in draw.right.items()
    ]
    return recommend(answered, judge).name


def the_best(draw: Draw) -> str:
    """The highest score, whatever it costs."""
    return max(draw.right, key=lambda name: draw.right[name].mean())


def by_chance_of_a_point(draw: Draw) -> str:
    """The cheapest whose chance of being more than a point worse than the best is below one half."""
    best = the_best(draw)
    rng = np.random.default_rng(0)
    for name in sorted(draw.right, key=lambda name: LATENCIES[name]):
        behind = draw.right[best].astype(int) - draw.right[name]
        shares = [np.mean(behind == value) for value in (-1, 0, 1)]
        counts = rng.multinomial(len(behind), shares, size=1_000)
        if np.mean((counts[:, 2] - counts[:, 0]) / len(behind) > 0.01) < 0.5:
            return name
    return best


def by_one_standard_error(draw: Draw) -> str:
    """The cheapest within one standard error of the best."""
    best = the_best(draw)
    for name in sorted(draw.right, key=lambda name: LATENCIES[name]):
        behind = draw.right[best].astype(float) - draw.right[name]
        if behind.mean() <= behind.std() / np.sqrt(len(behind)):
            return name
    return best


RULES: dict[str, Rule] = {
    "recommend": by_the_program,
    "P(worse by > 1 point) < 50 %": by_chance_of_a_point,
    "one standard error": by_one_standard_error,
    "the best": the_best,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=400)
    runs = parser.parse_args().runs
    print("| rule | rows | regret, points | standard error | saving, % |\n|---|---:|---:|---:|---:|")
    for n_rows in SIZES:
        rng = np.random.default_rng(n_rows)
        draws = [drawn(n_rows, rng) for _ in range(runs)]
        for title, rule in RULES.items():
            chosen = [rule(draw) for draw in draws]
            best = [max(draw.accuracy, key=draw.accuracy.__getitem__) for draw in draws]
            pairs = list(zip(draws, chosen, best, strict=True))
            regret = np.array(
                [100 * (draw.accuracy[ideal] - draw.accuracy[name]) for draw, name, ideal in pairs]
            )
            paid = [min(1.0, LATENCIES[name] / LATENCIES[ideal]) for _, name, ideal in pairs]
            error = regret.std(ddof=1) / np.sqrt(runs)
            print(
                f"| {title} | {n_rows:,} | {regret.mean():.2f} | {error:.2f} | {100 - 100 * np.mean(paid):.0f} |"
            )


if __name__ == "__main__":
    main()
