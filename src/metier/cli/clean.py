"""`metier clean`: texts without markup, unseen signs and boilerplate, and without personal data where asked for."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from metier.cli.cleaned_files import clean_file
from metier.cli.commands import HELP
from metier.cli.console import ProgressLines, count, print_json, print_line, progress_console
from metier.cli.row_options import named_roles, parted, reading_options, role_option, text_option
from metier.cli.speech import lang_option, spoken
from metier.data.output_files import check_output
from metier.data.row_cleaning import CleaningPlan
from metier.errors import CallError, UnknownNameError
from metier.image.dicom.pseudonyms import kept_key, new_key
from metier.text.cleaning import STEPS, USUAL_STEPS
from metier.text.parsing import is_parser_installed
from metier.text.personal_data import ENTITIES, OPERATORS
from metier.text.personal_data.operators import build_operator

ASKED_FOR = {"simplified": "simplified", "stop_words": "stop-words"}
LOG = ".changes.jsonl"
MOST_ROWS_NAMED = 8


@click.command(
    context_settings=HELP, epilog="Example: metier clean rows.csv --output clean.csv --personal-data replace"
)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="File to write; its ending decides the format: .csv, .tsv, .jsonl, .parquet, .xlsx, or .conll for spans.",
)
@text_option
@role_option
@click.option(
    "--columns",
    metavar="A,B,C",
    callback=parted,
    help="Further columns to clean. Default: the texts that a model would read.",
)
@click.option(
    "--steps", metavar="A,B,C", callback=parted, help=f"Steps to take. Default: {', '.join(USUAL_STEPS)}."
)
@click.option(
    "--simplified", is_flag=True, help="Write traditional Chinese characters as simplified ones, too."
)
@click.option(
    "--stop-words", is_flag=True, help="Remove stop words, too; words that turn a meaning round stay."
)
@click.option(
    "--personal-data",
    type=click.Choice(OPERATORS),
    help="Take personal data out: replace by <KIND>, mask by asterisks, hash with a key, or redact.",
)
@click.option(
    "--entities",
    metavar="A,B,C",
    callback=parted,
    help="Personal data to take out, such as PERSON. Default: all.",
)
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    help="File with the key of --personal-data hash; made if it is missing. Default: a key that is forgotten.",
)
@click.option(
    "--names",
    type=click.Choice(["lists", "model"]),
    help="English names by lists, or by spaCy's model as well. Default: model where it is installed.",
)
@click.option(
    "--log", type=click.Path(path_type=Path), help=f"File with every change. Default: the output with {LOG}."
)
@reading_options
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@lang_option()
def clean(
    *,
    file: Path,
    output: Path,
    text: str | None,
    roles: tuple[str, ...],
    log: Path | None,
    overwrite: bool,
    as_json: bool,
    lang: str | None,
    encoding: str | None,
    delimiter: str | None,
    header: bool | None,
    **what: Any,
) -> int:
    """Clean the texts of a file, and write what was changed.

    Markup of web pages goes, and control signs, footers and lines that many rows have; signs and spaces that are
    repeated are shortened, and full-width letters and digits written plain. Spans, entities and answers move with
    their text; a change that would reach into one is left out and reported. Every change is in the log, with row and
    column; of personal data it says where they were and what they were, and not which.

    Personal data are found by rules: a checksum, a word beside them, or a form that nothing else has. That is no promise
    that all are found. Exit code 1 when some were found and had to stay.
    """
    check_output(output, overwrite=overwrite)  # A path without a name has no file beside it.
    log = log or output.with_name(output.name + LOG)
    for path in (output, log):
        check_output(path, overwrite=overwrite)
        if path.exists() and file.exists() and file.samefile(path):
            raise CallError(f"{path} is the file that is cleaned, and stays as it is. Name another file.")
    if output == log:
        raise CallError(f"{log} cannot be the output and the log. Name another file with --log.")
    plan = _plan(**what)
    given = {"encoding": encoding, "delimiter": delimiter, "header": header}
    named = {**named_roles(roles), **({} if text is None else {"text": text})}
    with ProgressLines() as listener:
        facts = clean_file(
            file, output, log, plan, how=given, roles=named, overwrite=overwrite, listener=listener
        )
    print_json(facts) if as_json else _print(facts)
    return 1 if facts["personal_data_left"] else 0


def _plan(
    *,
    columns: tuple[str, ...] | None,
    steps: tuple[str, ...] | None,
    personal_data: str | None,
    entities: tuple[str, ...] | None,
    key: Path | None,
    names: str | None,
    **flags: bool,
) -> CleaningPlan:
    wanted = [*(USUAL_STEPS if steps is None else steps)]
    wanted += [step for flag, step in ASKED_FOR.items() if flags[flag]]
    if personal_data is not None:
        wanted.append("personal-data")
    for step in wanted:
        if step not in STEPS:
            raise UnknownNameError("step of cleaning", step, known=STEPS)
    for entity in entities or ():
        if entity not in ENTITIES:
            raise UnknownNameError("kind of personal data", entity, known=ENTITIES)
    if personal_data is None and ("personal-data" in wanted or entities or key or names):
        raise CallError(
            "What to do with personal data is not said. Add --personal-data replace, mask, hash or redact."
        )
    operator = None
    if personal_data is not None:
        secret = (new_key() if key is None else kept_key(key)) if personal_data == "hash" else None
        operator = build_operator(personal_data, key=secret)
    with_model = is_parser_installed() if names is None else names == "model"
    return CleaningPlan(
        tuple(dict.fromkeys(wanted)),
        columns or (),
        operator=operator,
        entities=entities,
        with_model=with_model and personal_data is not None,
    )


def _print(facts: Mapping[str, Any]) -> None:
    say = spoken()
    for note in facts["notes"]:
        progress_console().print(say.told(note), markup=False, soft_wrap=True)
    if facts["marks"]:
        print_line(say("moved with their text: {names}", names=say.listed(facts["marks"])))
    told = {"n": count(facts["rows_changed"]), "rows": count(facts["rows"]), "output": facts["output"]}
    print_line(say("{output}: {n} of {rows} rows changed", **told))
    for step, done in facts["steps"].items():
        numbers = {"n": count(done["changes"]), "rows": count(done["rows"]), "step": say.translated(step)}
        print_line(say("{step}: {n} change(s|) in {rows} row(s|)", **numbers))
        for example in done["examples"]:
            print_line(say("  row {row}, {column}: {before} → {after}", **example))
    if facts["personal_data"]:
        kinds = ", ".join(f"{entity} {count(number)}" for entity, number in facts["personal_data"].items())
        print_line(say("personal data found: {kinds}", kinds=kinds))
    for worry in _worries(facts):
        print_line(worry)
    print_line(say("every change: {log}", log=facts["log"]))


def _worries(facts: Mapping[str, Any]) -> Iterator[str]:
    """Give what somebody should look at."""
    say = spoken()
    if rows := facts["changed_in_marked"]:
        yield say("! changed inside what is marked, in {n} row(s|): {items}", **_named(rows))
    if rows := facts["kept"]:
        yield say(
            "! left out in {n} row(s|), as a change would reach into what is marked: {items}", **_named(rows)
        )
    if rows := facts["left_alone"]:
        yield say(
            "! left alone, {n} row(s|), as what is marked does not fit the text (metier check): {items}",
            **_named(rows),
        )
    if rows := facts["emptied"]:
        yield say("! nothing is left of the text of {n} row(s|): {items}", **_named(rows))
    if rows := facts["personal_data_left"]:
        yield say("! personal data stay in what is marked, in {n} row(s|): {items}", **_named(rows))
    if facts["not_cleaned"]:
        names = say.listed(facts["not_cleaned"])
        yield say("! personal data stay in columns that are not cleaned (--columns): {names}", names=names)


def _named(rows: Sequence[int]) -> dict[str, str]:
    """Give how many rows there are, and the numbers of the first."""
    shown = [*map(str, rows[:MOST_ROWS_NAMED]), *(["…"] if len(rows) > MOST_ROWS_NAMED else [])]
    return {"n": count(len(rows)), "items": spoken().listed(shown)}
