"""Words that carry little of what a text is about; taken away only where somebody asks for it.

Words that turn a meaning round stay: not, no, never, without; 不, 没, 无, 非.
"""

from collections.abc import Iterator

from metier.text.offsets import Edit
from metier.text.segmentation import word_offsets


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


ENGLISH = _words(
    "a about above after again all also am an and any are as at be because been before being "
    "between both but by can could did do "
    "does doing down during each few for from further had has have having he her here hers herself "
    "him himself his how i if in into "
    "is it its itself just me more most my myself of off on once only or other our ours ourselves "
    "out over own same she should so "
    "some such than that the their theirs them themselves then there these they this those through "
    "to too under until up very was "
    "we were what when where which while who whom why will with would you your yours yourself yourselves"
)
CHINESE = _words(
    "的 了 着 过 地 得 之 是 在 有 和 与 及 或 而 且 但 但是 也 都 就 还 "
    "又 再 很 太 更 最 把 被 让 给 对 对于 关于 从 向 到 由 于 以 为 因为 所以 "
    "如果 "
    "那么 这 那 这个 那个 这些 那些 这里 那里 我 你 您 他 她 它 我们 你们 他们 她们 "
    "它们 自己 啊 呀 吗 呢 吧 哦 嗯 哈 啦 嘛 一个 一些 一下 等 等等 并 并且 "
    "其 其中 该 此 各 每 什么 怎么 怎样 如何 为什么"
)


def stop_word_edits(text: str) -> Iterator[Edit]:
    """Give the edits that take stop words away, each with the space after it, or before it at the end."""
    for start, end in word_offsets(text):
        word = text[start:end].lower()
        if word not in ENGLISH and word not in CHINESE:
            continue
        if text[end : end + 1] == " ":
            end += 1
        elif start and text[start - 1] == " " and end == len(text):
            start -= 1
        yield Edit(start, end, "")
