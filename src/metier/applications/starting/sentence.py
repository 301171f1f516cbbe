"""What a sentence asks for, by rules: the task, the labels that it names or that are known for it, the languages."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from metier.applications.starting.templates import (
    LANGUAGES,
    LabelSetTemplate,
    LabelTemplate,
    TaskTemplate,
    found_cue,
    templates,
)
from metier.errors import CallError
from metier.text.segmentation import HAN

LONGEST = 2_000  # Characters of a sentence.
MOST_LABELS = 50
LONGEST_LABEL = 60
# What names labels itself: "into billing, delivery and other", "as spam or not spam", "labels: a, b, c".
_LISTS = (
    r"(?:labels?|categor(?:y|ies)|classes|groups)\s*[::]\s*(.+)",
    r"[::]\s*([^::.]+(?:[,,、]| or | and |或|和)[^::.]+)$",
    r"\b(?:into|as|either|between)\s+(?:the\s+\w+\s+)?((?:[^,.;]+,\s*)*(?:[^,.;]+?\s+)?(?:and|or)\s+[^,.;]+)",
    r"(?:分为|分成|归为|归入|标为|判断为|区分为?)\s*([^。;;,]+(?:[、和或与及/][^。;;]+)+)",
)
_COMMAS = re.compile(r"\s*[,,、;;/|]\s*")
_LAST = re.compile(r"^\s*(?:and|or)\s+|\s+(?:and|or)\s+|[和或与及]", re.IGNORECASE)
_VERB_LAST = re.compile("(?:请)?[把将对]")  # As in 把翻译请求按紧急程度分类.
_NOT_A_LABEL = re.compile(
    r"^(?:english|chinese|the|a|an|any|others?\s+languages?|英文|中文|英语|汉语)$", re.IGNORECASE
)


@dataclass(frozen=True)
class Reading:
    """What a sentence asks for.

    Parameters
    ----------
    sentence : str
    task : TaskTemplate
    labels : tuple of LabelTemplate
        Empty where answers are not labels.
    label_set : str or None
        Name of the known set that the labels are of; None: the sentence named them.
    is_ordered : bool
        Whether labels go from the lowest to the highest.
    languages : tuple of str
        Of the texts, as the sentence has it; `en`, `zh`.
    spoken : str
        Language of the sentence.
    why : tuple of str
        Words of the sentence that it was read by.
    """

    sentence: str
    task: TaskTemplate
    labels: tuple[LabelTemplate, ...]
    label_set: str | None
    is_ordered: bool
    languages: tuple[str, ...]
    spoken: str
    why: tuple[str, ...]


def read_sentence(sentence: str) -> Reading:
    """Read what a sentence asks for.

    Raises
    ------
    CallError
        If it is empty or too long, asks for nothing that is known, or for labels without naming them.
    """
    sentence, spoken = _checked(sentence), spoken_of(sentence)
    task, cue = _task(sentence)
    named = () if task.labels in ("none", "parts") else _named_labels(sentence)
    label_set, known_cue = (None, None) if named else _label_set(sentence, task)
    labels = named or _known_labels(task, label_set, sentence)
    if not labels and task.labels != "none":
        raise CallError(_without_labels(task))
    is_ordered = label_set is not None and label_set.ordered and task.with_order is not None
    return Reading(
        sentence,
        task,
        labels,
        None if label_set is None else (label_set.zh if spoken == "zh" else label_set.name),
        is_ordered,
        _languages(sentence, spoken),
        spoken,
        tuple(one for one in (cue, known_cue) if one),
    )


def spoken_of(sentence: str) -> str:
    """Give the language that a sentence is written in: `zh` or `en`."""
    return "zh" if re.search(f"[{HAN}]", sentence) else "en"


def _checked(sentence: str) -> str:
    sentence = " ".join(sentence.split())
    if not sentence:
        raise CallError(
            'The sentence is empty; expected what the model should do, such as "sort our tickets by urgency".'
        )
    if len(sentence) > LONGEST:
        raise CallError(
            f"The sentence has {len(sentence):,} characters; expected at most {LONGEST:,}. Say in one sentence what the "
            "model should do."
        )
    return sentence


def _task(sentence: str) -> tuple[TaskTemplate, str | None]:
    for task in templates().tasks:
        cue = found_cue(task.cues, sentence)
        if cue is not None and not (task.labels == "none" and _is_what_is_sorted(cue, sentence)):
            return task, cue
    sorting = templates().tasks[-1]
    if _named_labels(sentence) or _label_set(sentence, sorting)[0] is not None:
        return sorting, None
    raise CallError(
        f'"{sentence[:80]}" says nothing that is known of a task. Say what should be done with the texts: sort, tag, '
        "extract, match, search, answer questions, summarise, translate or reply; for example "
        '"sort our tickets by urgency".'
    )


def _is_what_is_sorted(cue: str, sentence: str) -> bool:
    """Whether a cue names the texts, as in "sort translations by urgency": labels are known, and sorting is the verb."""
    sorting = templates().tasks[-1]
    verb = found_cue(sorting.cues, sentence)
    has_labels = _named_labels(sentence) or _label_set(sentence, sorting)[0] is not None
    if verb is None or not has_labels:
        return bool(_named_labels(sentence)) and _VERB_LAST.match(sentence) is not None
    is_first = sentence.index(verb) < sentence.index(cue)
    return not is_first if _VERB_LAST.match(sentence) else is_first


def _named_labels(sentence: str) -> tuple[LabelTemplate, ...]:
    """Give the labels that a sentence lists itself; none where it lists fewer than two."""
    for form in _LISTS:
        found = re.search(form, sentence, re.IGNORECASE)
        if found is None:
            continue
        *first, last = _COMMAS.split(found[1])  # Only the last may be joined by a word, as in "a, b and c".
        names = [one.strip(" \"'“”‘’「」.。") for one in (*first, *_LAST.split(last))]
        names = [one for one in dict.fromkeys(names) if one and not _NOT_A_LABEL.match(one)]
        if len(names) >= 2:
            return _as_labels(names, sentence)
    return ()


def _as_labels(names: Sequence[str], sentence: str) -> tuple[LabelTemplate, ...]:
    too_long = [one for one in names if len(one) > LONGEST_LABEL]
    if len(names) > MOST_LABELS or too_long:
        what = f"a label of {len(too_long[0])} characters" if too_long else f"{len(names)} labels"
        raise CallError(
            f"The sentence names {what}; expected at most {MOST_LABELS} labels of at most {LONGEST_LABEL} characters. "
            'List them with commas: "sort tickets into billing, delivery and other".'
        )
    return tuple(_described(one, sentence) for one in names)


def _described(name: str, sentence: str) -> LabelTemplate:
    """Give a label of a name: with the sentences of a known one of that name, else described by its name alone.

    Sets that the sentence asks for come first, the more specific before the more general; then the others, the general
    ones first.
    """
    every = templates().label_sets
    asked = [each for each in every if each.only_for is None and found_cue(each.cues, sentence)]
    sets = [*asked, *(each for each in reversed(every) if each not in asked)]
    for known in (one for each in sets for one in each.labels):
        if name.lower() in known.names:
            return known.model_copy(update={"name": name, "zh_name": name})
    return LabelTemplate(name=name, zh_name=name, en=(name,), zh=(name,))


def _label_set(sentence: str, task: TaskTemplate) -> tuple[LabelSetTemplate | None, str | None]:
    if task.labels not in ("any", "own"):
        return None, None
    wanted = task.name if task.labels == "own" else None
    for one in templates().label_sets:
        cue = found_cue(one.cues, sentence)
        if cue is not None and one.only_for == wanted:
            return one, cue
    return None, None


def _known_labels(
    task: TaskTemplate, label_set: LabelSetTemplate | None, sentence: str
) -> tuple[LabelTemplate, ...]:
    if task.labels == "parts":
        return tuple(one for one in templates().entities if found_cue(one.cues, sentence))
    return () if label_set is None else label_set.labels


def _without_labels(task: TaskTemplate) -> str:
    if task.labels == "parts":
        known = ", ".join(one.name for one in templates().entities)
        return f"The sentence does not say what is to be found in the texts. Name it: {known}."
    if task.labels == "listed":
        return 'The sentence names no relations. List them: "find relations between companies: owns, buys and supplies".'
    known = ", ".join(one.name for one in templates().label_sets if one.only_for is None)
    return (
        'The sentence names no labels. List them: "sort tickets into billing, delivery and other"; or name one of the '
        f"known sets: {known}."
    )


def _languages(sentence: str, spoken: str) -> tuple[str, ...]:
    """Give the languages that a sentence names, else the one that it is written in."""
    named = tuple(one for one in LANGUAGES if found_cue(templates().languages[one], sentence))
    return named or (spoken,)
