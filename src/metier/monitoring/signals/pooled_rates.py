"""What is expected of series with little or no past: their own few counts, and the rates of all series of their kind.

Rates of series of one kind (companies, or topics of companies) follow a gamma distribution, whose mean and variance are
those of the series so far, less what chance adds to their counts. A series with a count of x in n periods has then a
gamma distribution of its rate, too, and its next count a negative binomial one [1]_: a name that is new has the prior
alone, and the longer it is known the more its own counts say. Where there are fewer than three series the prior is worth
half a message.

References
----------
.. [1] Gelman and others, "Bayesian data analysis", third edition, 2013, section 2.6; Robbins, "An empirical Bayes approach
   to statistics", 1956.
"""

from dataclasses import dataclass

import numpy as np

from metier.monitoring.signals.expected_counts import Expected
from metier.monitoring.signals.negative_binomial import tail

FEWEST_SERIES = 3
WEAK, STRONG = 0.1, 50.0  # Messages that a prior may be worth.
HALF_A_MESSAGE = 0.5
LEAST_RATE = 0.01  # Messages a period.


@dataclass(frozen=True)
class Prior:
    """A gamma distribution of the rates of series of one kind.

    Parameters
    ----------
    messages, periods : float
        What it is worth: as if so many messages had come in so many periods.
    """

    messages: float
    periods: float


def pooled_prior(messages: np.ndarray, periods: np.ndarray) -> Prior:
    """Fit the distribution of rates by its moments.

    Parameters
    ----------
    messages, periods : ndarray of shape (n_series,)
        What came of each series, and in how many periods; the latter above 0.
    """
    rate = max(float(messages.sum() / max(periods.sum(), 1)), LEAST_RATE)
    if len(messages) < FEWEST_SERIES:
        return Prior(HALF_A_MESSAGE, HALF_A_MESSAGE / rate)
    rates = messages / periods
    mean = max(float(rates.mean()), LEAST_RATE)
    by_chance = mean * float((1 / periods).mean())
    between = max(float(rates.var(ddof=1)) - by_chance, mean**2 / STRONG)
    worth = float(np.clip(mean**2 / between, WEAK, STRONG))
    return Prior(worth, worth / mean)


def expected_next(prior: Prior, messages: np.ndarray, periods: np.ndarray, overdispersion: float) -> Expected:
    """Give what is expected of the next period of each series.

    Parameters
    ----------
    messages, periods : ndarray of shape (n_series,)
        What came of each, and in how many periods.
    overdispersion : float
        How many times Poisson's variance counts of such series have about their rate; 1 or more.
    """
    shape = prior.messages + messages
    mean = shape / (prior.periods + periods)
    return Expected(mean, 1 / shape + (overdispersion - 1) / np.maximum(mean, 0.1))


def given_any(expected: Expected) -> Expected:
    """Give what is expected of a count that is known not to be 0, as that of the period in which a name comes up."""
    chance = np.maximum(tail(np.ones_like(expected.mean), expected.mean, expected.dispersion), 1e-9)
    mean = expected.mean / chance
    square = (expected.mean + (1 + expected.dispersion) * expected.mean**2) / chance
    return Expected(mean, np.maximum((square - mean**2 - mean) / mean**2, 0.05))
