"""Metrics of generated text against references: ROUGE, BLEU, chrF, diversity and length.

Truth is, for each row, a reference text or a list of them; an answer is a text. All values are fractions, 0 to
1: a BLEU of 0.34 is often printed as 34.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from metier.evaluation.row_statistics import RowMeasure, divide, mean_of_rows
from metier.evaluation.text_tokens import is_mostly_chinese, rouge_tokens, tokenize_13a, tokenize_zh

Texts = str | Sequence[str]
LONGEST_WORD_NGRAM = 4  # BLEU's.
LONGEST_CHARACTER_NGRAM = 6  # chrF's.
RECALL_WEIGHT = 2  # chrF's beta: recall counts twice as much.


def as_references(true: Texts) -> list[str]:
    """Give a row's references as a list."""
    return [true] if isinstance(true, str) else list(true)


def ngrams(tokens: Sequence[str], length: int) -> Counter:
    """Count the n-grams of one length."""
    return Counter(zip(*[tokens[start:] for start in range(length)], strict=False))


def count_shared(first: Counter, second: Counter) -> int:
    """Size of the multiset intersection of two counters."""
    return sum(min(count, second[one]) for one, count in first.items() if one in second)


def rouge_n(true: Texts, answer: str, *, length: int) -> float:
    """ROUGE-N F1 of one row [1]_: n-grams shared with the best reference, 0 to 1.

    Words are counted as in the package rouge-score, without stemming; Han characters are tokens of their own.

    References
    ----------
    .. [1] Lin, "ROUGE: a package for automatic evaluation of summaries", 2004.
    """
    answered = ngrams(rouge_tokens(answer), length)

    def f1(reference: str) -> float:
        there = ngrams(rouge_tokens(reference), length)
        both = there.total() + answered.total()
        return 2 * count_shared(there, answered) / both if both else 0.0

    return max(f1(reference) for reference in as_references(true))


def rouge_l(true: Texts, answer: str) -> float:
    """ROUGE-L F1 of one row: the longest common subsequence with the best reference, 0 to 1."""
    answered = rouge_tokens(answer)

    def f1(reference: str) -> float:
        there = rouge_tokens(reference)
        both = len(there) + len(answered)
        return 2 * longest_common_subsequence(there, answered) / both if both else 0.0

    return max(f1(reference) for reference in as_references(true))


def longest_common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence, bit-parallel [1]_, so that long texts are cheap.

    References
    ----------
    .. [1] Hyyrö, "Bit-parallel LCS-length computation revisited", 2004.
    """
    positions: dict[str, int] = {}
    for at, token in enumerate(first):
        positions[token] = positions.get(token, 0) | 1 << at
    everywhere = (1 << len(first)) - 1
    unmatched = everywhere
    for token in second:
        met = unmatched & positions.get(token, 0)
        unmatched = (unmatched + met | unmatched - met) & everywhere
    return len(first) - unmatched.bit_count()


def _bleu_statistics(
    truth: Sequence[Texts], predicted: Sequence[str], *, tokenize: Callable[[str], list[str]] | None = None
) -> np.ndarray:
    if tokenize is None:
        tokenize = tokenize_zh if is_mostly_chinese(truth) else tokenize_13a
    return np.array(
        [_bleu_row(true, answer, tokenize) for true, answer in zip(truth, predicted, strict=True)],
        dtype=np.float64,
    )


def _bleu_row(true: Texts, answer: str, tokenize: Callable[[str], list[str]]) -> list[int]:
    answered = tokenize(answer)
    there = [tokenize(reference) for reference in as_references(true)]
    # Of two references equally near in length, the shorter one.
    nearest = min((len(tokens) for tokens in there), key=lambda size: (abs(size - len(answered)), size))
    matches, totals = [], []
    for length in range(1, LONGEST_WORD_NGRAM + 1):
        allowed = ngrams(there[0], length)
        for tokens in there[1:]:
            allowed |= ngrams(tokens, length)
        found = ngrams(answered, length)
        matches.append(count_shared(found, allowed))
        totals.append(found.total())
    return [len(answered), nearest, *matches, *totals]


def bleu_value(sums: np.ndarray, *, is_sentence: bool = False) -> np.ndarray:
    """BLEU [1]_ from sums [answered words, reference words, 4 matches, 4 totals], 0 to 1.

    N-gram lengths without a match are smoothed as in mteval-v13a and sacrebleu ("exp"). `is_sentence` skips
    lengths that a text is too short for ("effective order"); for a corpus they make BLEU 0.

    References
    ----------
    .. [1] Papineni et al., "BLEU: a method for automatic evaluation of machine translation", 2002; Post, "A
       call for clarity in reporting BLEU scores", 2018.
    """
    answered, there = sums[..., 0], sums[..., 1]
    matches = sums[..., 2 : 2 + LONGEST_WORD_NGRAM]
    totals = sums[..., 2 + LONGEST_WORD_NGRAM :]
    halvings = np.cumsum(matches == 0, axis=-1)
    precision = divide(np.where(matches > 0, matches, 0.5**halvings), totals)
    has_ngrams = totals > 0
    logs = np.log(np.where(has_ngrams, precision, 1.0)).sum(axis=-1)
    orders = has_ngrams.sum(axis=-1) if is_sentence else LONGEST_WORD_NGRAM
    is_defined = matches.any(axis=-1) & (has_ngrams.any(axis=-1) if is_sentence else has_ngrams.all(axis=-1))
    shortness = np.minimum(0.0, 1 - divide(there, answered))
    return np.where(is_defined, np.exp(divide(logs, np.broadcast_to(orders, logs.shape)) + shortness), 0.0)


def _chrf_row(true: Texts, answer: str) -> np.ndarray:
    answered = _character_ngrams(answer)

    def counts(reference: str) -> np.ndarray:
        there = _character_ngrams(reference)
        return np.array(
            [
                # sacrebleu: n-grams longer than any of the reference are not counted.
                (found.total() if known else 0, known.total(), count_shared(found, known))
                for found, known in zip(answered, there, strict=True)
            ],
            dtype=np.float64,
        ).ravel()

    best: np.ndarray = max((counts(reference) for reference in as_references(true)), key=chrf_value)
    return best


def _character_ngrams(text: str) -> list[Counter]:
    characters = "".join(text.split())
    return [
        Counter([characters[at : at + length] for at in range(len(characters) - length + 1)])
        for length in range(1, LONGEST_CHARACTER_NGRAM + 1)
    ]


def _chrf_statistics(truth: Sequence[Texts], predicted: Sequence[str]) -> np.ndarray:
    return np.stack([_chrf_row(true, answer) for true, answer in zip(truth, predicted, strict=True)])


def chrf_value(sums: np.ndarray) -> np.ndarray:
    """Compute chrF [1]_ from sums [answered, there, shared] of each length of character n-gram, 0 to 1.

    Precision and recall are averaged over the lengths that both sides have, as sacrebleu does.

    References
    ----------
    .. [1] Popović, "chrF: character n-gram F-score for automatic MT evaluation", 2015.
    """
    by_length = sums.reshape(*sums.shape[:-1], LONGEST_CHARACTER_NGRAM, 3)
    answered, there, shared = np.moveaxis(by_length, -1, 0)
    both = (answered > 0) & (there > 0)
    precision = divide(np.where(both, divide(shared, answered), 0).sum(axis=-1), both.sum(axis=-1))
    recall = divide(np.where(both, divide(shared, there), 0).sum(axis=-1), both.sum(axis=-1))
    weight = RECALL_WEIGHT**2
    return divide((1 + weight) * precision * recall, weight * precision + recall)


def distinct(texts: Sequence[str], length: int) -> float:
    """Share of distinct n-grams among the n-grams of all texts [1]_, 0 to 1.

    It falls with the number of texts, so compare only equally many texts. It cannot be bootstrapped over rows; the
    measures `distinct_1` and `distinct_2` are its mean within single texts.

    References
    ----------
    .. [1] Li et al., "A diversity-promoting objective function for neural conversation models", 2016.
    """
    counted: Counter = Counter()
    for text in texts:
        counted.update(ngrams(rouge_tokens(text), length))
    return len(counted) / counted.total() if counted else 0.0


def verbatim_match(true: Texts, answer: str) -> float:
    """Give 1 if an answer is a reference, character by character, but for line ends and white space at the very end."""
    return float(_lines(answer) in [_lines(reference) for reference in as_references(true)])


def _lines(text: str) -> list[str]:
    return text.rstrip().splitlines()


def _own_distinct(_: Texts, answer: str, *, length: int) -> float | None:
    counted = ngrams(rouge_tokens(answer), length)
    return len(counted) / counted.total() if counted else None


def _lengths(truth: Sequence[Texts], predicted: Sequence[str]) -> np.ndarray:
    return np.array(
        [
            (len(rouge_tokens(answer)), np.mean([len(rouge_tokens(one)) for one in as_references(true)]))
            for true, answer in zip(truth, predicted, strict=True)
        ],
        dtype=np.float64,
    )


def _length_ratio(sums: np.ndarray) -> np.ndarray:
    return divide(sums[..., 0], sums[..., 1])


def bleu(tokenize: Callable[[str], list[str]] | None = None, *, name: str = "bleu") -> RowMeasure:
    """Make BLEU with a given tokenization; None: `zh` if most references are Chinese, else `13a`."""
    return RowMeasure(
        name,
        partial(_bleu_statistics, tokenize=tokenize),
        bleu_value,
        row_value=partial(bleu_value, is_sentence=True),
    )


TEXT_MEASURES = (
    mean_of_rows("rouge_1", partial(rouge_n, length=1)),
    mean_of_rows("rouge_2", partial(rouge_n, length=2)),
    mean_of_rows("rouge_l", rouge_l),
    bleu(),
    RowMeasure("chrf", _chrf_statistics, chrf_value),
    mean_of_rows("distinct_1", partial(_own_distinct, length=1)),
    mean_of_rows("distinct_2", partial(_own_distinct, length=2)),
    mean_of_rows("verbatim_match", verbatim_match, correct_at_one=True),
    RowMeasure("length_ratio", _lengths, _length_ratio, higher_is_better=None, is_fraction=False),
)
