"""Infer the roles of columns that the user did not name: by name first, then by content.

Every inferred role is reported in a note with the flag that overrides it. Where two columns are equally likely,
the error lists them.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from metier.data.columns.audio_columns import is_audio_name
from metier.data.columns.embedded_images import is_embedded
from metier.data.columns.file_names import is_file, names_of
from metier.data.columns.image_columns import is_image_name, separated
from metier.data.columns.role_inference import NONE, infer_structured_roles, level
from metier.data.formats.folder import SPLIT_NAMES
from metier.data.rows import TARGET_ROLES, Roles, flag
from metier.errors import CallError, DataError, MissingColumnError
from metier.media_file import no_name_of_a_file


def _names(listed: str) -> tuple[str, ...]:
    return tuple(listed.split())


# Names by strength: a column of the first tuple wins over any of the second.
NAMES: dict[str, tuple[tuple[str, ...], ...]] = {
    "text": (
        ("text", "texts", "文本"),
        _names(
            "message sentence utterance content query question title body comment review document "
            "description input "
            "tweet post headline subject summary note complaint request transcript "
            "标题 内容 正文 句子 评论 问题 消息 留言 描述 摘要 工单内容"
        ),
    ),
    "label": (
        ("label", "labels", "标签"),
        _names("category intent class target topic sentiment tag gold y 类别 分类 意图 类型 情感 主题"),
        # What a row may carry beside its label, so each of them counts only where its values repeat.
        _names(
            "queue team department priority severity urgency status emotion stance gold_label true_label label_name "
            "label_text class_name category_name topic_name intent_name issue_type ticket_type "
            "队列 部门 团队 优先级 紧急程度 状态 情绪 立场 话题 类目 标注 标注结果 真实标签 标签名称 工单类型 问题类型"
        ),
    ),
    "group": (
        ("group", "group_id", "分组"),
        _names(
            "thread_id conversation_id dialogue_id dialog_id session_id customer_id user_id author_id "
            "patient_id passage_id document_id "
            "用户 用户id 会话 会话id 客户id"
        ),
    ),
    "time": (
        ("time", "timestamp", "时间"),
        _names("date datetime created_at created createdat sent_at received_at 日期 创建时间 发布时间"),
    ),
    "split": (("split", "数据集"), ("subset", "partition")),
}
IMAGE_NAMES = frozenset(
    _names(
        "image images image_path image_paths image_file image_files img imgs img_path picture pictures photo photos "
        "file file_name file_names filename path 图片 图像 照片 图片路径 图片列表 文件 文件名"
    )
)
AUDIO_NAMES = frozenset(
    _names(
        "audio audios audio_path audio_file recording recordings sound wav clip speech voice file file_name filename path "
        "音频 录音 语音 音频路径 音频文件 文件 文件名"
    )
)
# Beside recordings: what is said in them, which is then what is learned.
TRANSCRIPT_NAMES = frozenset(_names("transcript transcription sentence text 转写 文字稿 逐字稿 文本"))
IMAGE_ROWS = 200  # The values looked at.
IMAGES_SOUGHT = 20  # Files that are looked for, where texts stand beside.
IMAGE_FRACTION = (
    0.5  # Of them that end as the name of an image does: the others are mistakes, which are reported.
)
# Roles beside which images may stand; an image of a pair, a question or spans is not asked.
WITH_IMAGES = frozenset({"text", "label", "labels", "score", "group", "time", "split", "image"})
LABEL_NAMES = frozenset(name for names in NAMES["label"][:2] for name in names)
# A value of a label column may be called so as well: no sign of a header.
WEAK_LABEL_NAMES = frozenset(NAMES["label"][2])
SAMPLE_ROWS = 5_000
# A text column recognised by content: mostly different values of some length. A Chinese word takes two characters.
TEXT_DISTINCT_FRACTION = 0.5
TEXT_MEAN_BYTES = 12
# A label column recognised by content: few short values that repeat.
LABEL_MOST_BYTES = 64
LABEL_ROWS_EACH = 5


def infer_roles(
    table: pa.Table,
    given: dict[str, str | None],
    *,
    origin: str,
    needs_label: bool = True,
    folder: Path | None = None,
) -> tuple[Roles, tuple[str, ...]]:
    """Give the roles of a table's columns, and a note for each that was inferred.

    Parameters
    ----------
    given : dict of str to str or None
        The column that the user named for each role; `none` where no column has it.
    needs_label : bool
        Whether two equally likely label columns are an error.
    folder : Path, optional
        Where names of images count from.

    Raises
    ------
    MissingColumnError
        If a named column does not exist.
    DataError
        If no text column is recognised, or two columns are equally likely for a role.
    """
    chosen = {
        role: column for role, column in given.items() if column is not None and not _is_none(column, table)
    }
    # What images or recordings are called by is named with them, not as a text.
    for role, named in sorted(chosen.items(), key=lambda one: one[0] not in ("image", "audio")):
        if named not in table.column_names:
            # The name of a file stands for its text, and is named by the role of the file.
            of_files = next((other for other in ("image", "audio") if chosen.get(other) == named), role)
            raise MissingColumnError(named, found=table.column_names, origin=origin, flag=flag(of_files))
    _check_one_role_each(chosen)
    refused = {role for role, column in given.items() if column is not None} - set(chosen)
    sample = table.slice(0, SAMPLE_ROWS)
    notes = list[str]()
    image = _image(sample, chosen, refused)
    beside = image is not None and _has_texts_beside(sample, {**chosen, "image": image}, refused, needs_label)
    if image is not None and not beside:
        chosen["image"] = image
        notes.append(_note("image", image))
    if "image" in chosen:  # Its name stands for it where a row is shown.
        chosen.setdefault("text", chosen["image"])
        refused.discard("text")
    notes += _find_audio(sample, chosen, refused, needs_label)
    if "text" in refused:
        raise CallError("--text none: a text column is needed. Name it with --text.")
    combined = infer_structured_roles(
        sample, chosen, refused, label_names=LABEL_NAMES, needs_target=needs_label
    )
    chosen |= combined
    notes += [_note(role, column) for role, column in combined.items()]
    has_target = any(role in chosen for role in TARGET_ROLES)
    for role in ("text", "label", "split", "group", "time"):
        if role in chosen or role in refused or (role == "label" and has_target):
            continue
        column = _infer(role, sample, chosen, origin=origin, needs_label=needs_label)
        if column is not None:
            chosen[role] = column
            notes.append(_note(role, column))
    if image is not None and beside and chosen.keys() <= WITH_IMAGES and image not in chosen.values():
        is_there = is_embedded(sample, image) or _is_there(sample.column(image), folder)
        if is_there:
            chosen["image"] = image
        told = _ADDRESSES if not is_there and _are_addresses(sample.column(image)) else _BESIDE[is_there]
        notes.append(told.format(column=image))
    return Roles(**chosen), tuple(notes)


def _is_none(column: str, table: pa.Table) -> bool:
    return column.lower() == NONE and column not in table.column_names


def _check_one_role_each(chosen: dict[str, str]) -> None:
    for role, column in chosen.items():
        for other, same in chosen.items():
            # What is shown of an image or a recording is its name.
            if role < other and column == same and {role, other} not in ({"image", "text"}, {"audio", "text"}):
                raise CallError(
                    f"The column {column!r} cannot be both {role} and {other}. Name another with {flag(role)} "
                    f"or {flag(other)}."
                )


def _image(sample: pa.Table, chosen: dict[str, str], refused: set[str]) -> str | None:
    """Give the column whose values are names of images; None where there is none."""
    if "image" in chosen or "image" in refused or not chosen.keys() <= WITH_IMAGES:
        return None
    free = (name for name in sample.column_names if name not in chosen.values())
    inside = next((name for name in free if is_embedded(sample, name)), None)
    return inside or _of_files(sample, chosen, IMAGE_NAMES, is_image_name) or _all_images(sample, chosen)


def _all_images(sample: pa.Table, chosen: dict[str, str]) -> str | None:
    """Give the one column, however it is called, all of whose values are names of images."""
    free = [name for name in sample.column_names if name not in chosen.values()]
    values = {name: sample.column(name).drop_null().slice(0, IMAGE_ROWS).to_pylist() for name in free}
    found = [name for name, held in values.items() if held and all(map(is_image_name, held))]
    return found[0] if len(found) == 1 else None


def _of_files(
    sample: pa.Table, chosen: dict[str, str], names: frozenset[str], is_name: Callable[[Any], bool]
) -> str | None:
    """Give the column of one of these names whose values are mostly names of such files."""
    free = [name for name in sample.column_names if name not in chosen.values()]
    for name in (name for name in free if level(name) in names):
        values = sample.column(name).drop_null().slice(0, IMAGE_ROWS).to_pylist()
        if values and np.mean([is_name(value) for value in values]) >= IMAGE_FRACTION:
            return name
    return None


def _find_audio(
    sample: pa.Table, chosen: dict[str, str], refused: set[str], needs_label: bool
) -> tuple[str, ...]:
    """Choose the column of recordings where there are no texts beside; gives what is to be said of it."""
    notes = tuple[str, ...]()
    if not {"audio", "image", "messages"} & (set(chosen) | (refused - {"image", "messages"})):
        column = _of_files(sample, chosen, AUDIO_NAMES, is_audio_name)
        transcript = None if column is None else _transcript(sample, chosen, refused)
        has_texts = "text" not in refused and _has_texts_beside(sample, chosen, refused, needs_label)
        if column is not None and has_texts and transcript is None:
            return () if "text" in chosen else (_UNHEARD.format(column=column),)
        if column is not None:
            chosen["audio"] = column
            notes = (_note("audio", column),)
        if transcript is not None:
            chosen["target"] = transcript
            notes += (_note("target", transcript),)
    if "audio" in chosen:  # Its name stands for it until it is heard.
        chosen.setdefault("text", chosen["audio"])
        refused.discard("text")
    return notes


def _transcript(sample: pa.Table, chosen: dict[str, str], refused: set[str]) -> str | None:
    """Give the column of what is said in recordings, where nothing else is there to be learned from them."""
    if chosen.keys() - {"split", "group", "time"} or {"text", "target"} & refused:
        return None
    free = {name: level(name) for name in sample.column_names if name not in chosen.values()}
    found = [name for name, own in free.items() if own in TRANSCRIPT_NAMES]
    has_label = any(own in LABEL_NAMES for own in free.values())
    return found[0] if len(found) == 1 and not has_label else None


_UNHEARD = (
    "{column} names recordings, which are not heard as there are texts (--role audio=COLUMN to hear them beside the "
    "texts, --text none to hear them instead)"
)


# What is said of images beside texts, by whether they are where their names say.
_BESIDE = {
    True: "image = {column}, inferred; asked together with the text (--role image=none to leave images out)",
    False: "{column} names images that are not in this folder; texts alone are asked (--role image={column} if not)",
}


_ADDRESSES = "{column} holds addresses, and nothing is fetched; texts alone are asked (download the images)"


def _are_addresses(column: pa.ChunkedArray) -> bool:
    """Whether the first names are addresses and no paths."""
    values = column.drop_null().slice(0, IMAGES_SOUGHT).to_pylist()
    found = [no_name_of_a_file(name) is not None for value in values for name in names_of(value)]
    return bool(found) and bool(np.mean(found) >= IMAGE_FRACTION)


def _is_there(column: pa.ChunkedArray, folder: Path | None) -> bool:
    """Whether most of the first images are where their names say."""
    values = column.drop_null().slice(0, IMAGES_SOUGHT).to_pylist()
    names = [name for value in values for name in (separated(value) or names_of(value))]
    found = [is_file((folder or Path()) / name.strip().replace("\\", "/")) for name in names]
    return bool(found) and bool(np.mean(found) >= IMAGE_FRACTION)


def _has_texts_beside(sample: pa.Table, chosen: dict[str, str], refused: set[str], needs_label: bool) -> bool:
    """Whether a column has the name of a text column, or two have those of a pair or the like, and texts are wanted."""
    if "text" in refused:
        return False
    free = [name for name in sample.column_names if name not in chosen.values()]
    if "text" in chosen or any(level(name) in names for name in free for names in NAMES["text"]):
        return True
    return "text" in infer_structured_roles(
        sample, chosen, refused, label_names=LABEL_NAMES, needs_target=needs_label
    )


def _note(role: str, column: str) -> str:
    effects = {
        "group": "rows of one group stay in one split (--group none to ignore it)",
        "time": "train holds out the latest rows (--time none to ignore it)",
        "split": "its values are train, validation and test (--split none to ignore it)",
    }
    overrule = f"; {effects[role]}" if role in effects else f" ({flag(role)})"
    return f"{role} = {column}, inferred{overrule}"


def _infer(
    role: str, sample: pa.Table, chosen: dict[str, str], *, origin: str, needs_label: bool
) -> str | None:
    free = [name for name in sample.column_names if name not in chosen.values()]
    if role not in ("text", "label"):  # Those are missed where they are empty.
        free = [name for name in free if not _is_empty(sample.column(name))]
    for names in NAMES[role]:
        found = [name for name in free if level(name) in names]
        if role == "group" or (role == "label" and WEAK_LABEL_NAMES.issuperset(names)):
            found = [name for name in found if _repeats(sample.column(name))]
        if role == "split":
            found = [name for name in found if _names_splits(sample.column(name))]
        if len(found) == 1:
            return found[0]
        if found and role == "text":
            raise _ambiguous(role, found, origin)
        if found and (role != "label" or needs_label):
            raise _ambiguous(role, found, origin)
        if found:
            return None
    if role == "text":
        return _text_by_content(sample, free, origin)
    if role == "label":
        return _label_by_content(sample, free)
    return None


def _is_empty(column: pa.ChunkedArray) -> bool:
    """Whether a column without a value in any row, which some exports have, could only be mistaken for a group."""
    return len(column) > 0 and column.null_count == len(column)


def _ambiguous(role: str, found: Sequence[str], origin: str) -> DataError:
    return DataError(
        f"{origin} has more than one column that may be the {role}: {', '.join(found)}. Name the right one "
        f"with {flag(role)}."
    )


def _text_by_content(sample: pa.Table, free: Sequence[str], origin: str) -> str:
    if len(free) == 1:
        return free[0]
    strings = [name for name in free if _is_string(sample.column(name).type)]
    texts = [name for name in strings if _looks_like_text(sample.column(name))]
    # Otherwise the only column of strings is the text.
    texts = texts or (strings if len(strings) == 1 else [])
    if len(texts) == 1:
        return texts[0]
    if texts:
        raise _ambiguous("text", texts, origin)
    raise DataError(
        f"{origin} has no column that looks like a text; it has: {', '.join(sample.column_names)}. "
        "Name it with --text. If these are values and not names, add a first line that names the columns."
    )


def _label_by_content(sample: pa.Table, free: Sequence[str]) -> str | None:
    likely = [name for name in free if _looks_like_label(sample.column(name))]
    return likely[0] if len(likely) == 1 else None


def _is_string(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _looks_like_text(column: pa.ChunkedArray) -> bool:
    column = column.cast(pa.large_string()).drop_null()
    if len(column) == 0:
        return False
    distinct = pc.count_distinct(column).as_py() / len(column)
    mean_bytes = pc.mean(pc.binary_length(column)).as_py()
    wordy = pc.mean(pc.match_substring_regex(column, r"\s|\p{Han}{2}").cast(pa.int8())).as_py()
    return bool(distinct > TEXT_DISTINCT_FRACTION and mean_bytes > TEXT_MEAN_BYTES and wordy > 0.5)


def _looks_like_label(column: pa.ChunkedArray) -> bool:
    column = column.drop_null()
    if len(column) == 0 or pa.types.is_nested(column.type) or pa.types.is_floating(column.type):
        return False
    column = column.cast(pa.large_string())
    distinct = pc.count_distinct(column).as_py()
    longest = pc.max(pc.binary_length(column)).as_py()
    return bool(2 <= distinct <= len(column) / LABEL_ROWS_EACH and longest <= LABEL_MOST_BYTES)


def _names_splits(column: pa.ChunkedArray) -> bool:
    return all(str(value).strip().lower() in SPLIT_NAMES for value in column.unique().to_pylist())


def _repeats(column: pa.ChunkedArray) -> bool:
    return bool(pc.count_distinct(column).as_py() < len(column))
