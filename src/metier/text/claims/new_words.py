"""The share of a text's words that its source does not have: a sign of what was made up, and of what was reworded."""

from metier.text.segmentation import segment

# What every text has, whatever its source.
FREQUENT = frozenset(
    word
    for words in (
        "a an the and or but of in on at to for from by with is are was were be been it its it's this "
        "that these those i you he she we they my your his her our their as so if then than do does did done not no "
        "have has had can could will would should may might there what which who whom when where how all any some "
        "more most other such only "
        "own same too very",
        "的 了 是 在 和 与 及 或 也 都 就 而 但 对 为 以 于 从 到 把 被 将 有 这 那 其 之 等 中 上 下 个 "
        "我 你 他 她 它 们 我们 你们 他们 不 没有",
    )
    for word in words.split()
)


def content_words(text: str) -> list[str]:
    """Give the words of a text in lower case, without the most frequent ones of English and Chinese."""
    return [word for word in segment(text) if word not in FREQUENT]


def new_words(source: str, text: str) -> float | None:
    """Give the share of the words of a text that its source does not have, 0 to 1; None where it has no words."""
    words = content_words(text)
    if not words:
        return None
    known = set(segment(source))
    return sum(word not in known for word in words) / len(words)
