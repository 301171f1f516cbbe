"""`metier watch brief`: the morning page of a watch, and the same facts as JSON."""

from datetime import UTC, datetime
from pathlib import Path

import click
from rich.text import Text

from metier.cli.console import answer_console, print_json, progress_console
from metier.cli.speech import spoken, with_language
from metier.cli.watch_options import command, settings_argument, shown_store
from metier.data.output_files import check_output, text_output
from metier.errors import CallError
from metier.monitoring.brief import brief as brief_of
from metier.monitoring.opening import existing_store
from metier.monitoring.sources.times import FIRST_YEAR
from metier.monitoring.watch_settings import read_watch_settings
from metier.printable import printable_json
from metier.report.brief_page import cautions, render_brief, title_of


@command("brief", example="brief watch.yaml --output brief.html")
@settings_argument
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    default=Path("brief.html"),
    show_default=True,
    help="The page; the same facts are beside it, ending in .json.",
)
@click.option(
    "--since", metavar="TIME", help="What is new began then, as 2026-12-01. Default: the last judged period."
)
@click.option("--overwrite", is_flag=True, help="Replace the files where there are some.")
def brief(
    *, settings: Path, output: Path, since: str | None, overwrite: bool, as_json: bool, lang: str | None
) -> None:
    """Write the morning page: what moved, in numbers and quotes.

    Alarms with their counts, the band of what was expected and what people said; each company and topic; shares of labels,
    corrected for what the model mistakes for what; how right answers are, without labels; and what would have been missed.
    The page opens from disk and needs no network.
    """
    check_output(output, overwrite=overwrite)
    beside = output.with_suffix(".json")
    if beside == output:
        raise CallError(
            f"{output} is the page, and its facts are written beside it as .json. Name a page such as brief.html."
        )
    check_output(beside, overwrite=overwrite)
    told, start, say = read_watch_settings(settings), _moment(since), spoken()
    store = existing_store(told)
    try:
        facts = brief_of(store, told, now=datetime.now(UTC), since=start)
    finally:
        store.close()
    page = render_brief(facts, language=say.language)
    for path, text in ((output, page), (beside, printable_json(facts, indent=1) + "\n")):
        with text_output(path, overwrite=overwrite) as write:
            write(text)
    if as_json:
        print_json(facts)
        return
    console = answer_console()
    for line in (title_of(facts, say), *cautions(facts, say)):
        console.print(Text(line), soft_wrap=True)
    for one in facts["found"]:
        if one["state"] == "new":
            console.print(Text(f"! {say.translated(one['sentence'])}"), soft_wrap=True)
    progress_console().print(
        Text(say("page: {file}; facts: {beside}", file=output, beside=beside)), soft_wrap=True
    )
    for model in list(told.bundles.values())[:1]:
        line = with_language(f"metier queue queue.sqlite {shown_store(told.store)} --model {model}")
        progress_console().print(Text(say("next: {command}", command=line)), soft_wrap=True)


def _moment(written: str | None) -> datetime | None:
    if written is None:
        return None
    try:
        found = datetime.fromisoformat(written)
        moment = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        return max(moment, datetime(FIRST_YEAR, 1, 1, tzinfo=UTC))  # No message is older.
    except (ValueError, OverflowError):
        raise CallError(
            f"--since is {written!r}; expected a day or a time, such as 2026-12-01 or 2026-12-01T06:00."
        ) from None
