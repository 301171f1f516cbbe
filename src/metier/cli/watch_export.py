"""`metier watch export`: messages or counts of a store as Parquet."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.text import Text

from metier.cli.console import answer_console, count, print_json
from metier.cli.speech import spoken, with_language
from metier.cli.watch_options import command, settings_argument
from metier.data.output_files import check_output
from metier.errors import CallError
from metier.monitoring import store as watch_store
from metier.monitoring.opening import existing_store
from metier.monitoring.watch_settings import read_watch_settings


@command("export", example="export watch.yaml --output messages.parquet")
@settings_argument
@click.option(
    "--output", type=click.Path(path_type=Path), required=True, metavar="FILE", help="Parquet file to write."
)
@click.option("--counts", is_flag=True, help="Counts by period and series instead of messages.")
@click.option("--since", type=click.DateTime(), metavar="TIME", help="Written at this time or later, in UTC.")
@click.option("--until", type=click.DateTime(), metavar="TIME", help="Written before this time, in UTC.")
@click.option("--overwrite", is_flag=True, help="Replace the file of --output where there is one.")
def export(
    *, settings: Path, output: Path, counts: bool, since: datetime | None, until: datetime | None,
    overwrite: bool, as_json: bool, lang: str | None,
) -> None:  # fmt: skip
    """Export the messages or the counts of a watch as Parquet.

    A message has a row, with its masked text and the answers of the versions that answer now. Counts have a row for each
    period, series and version.
    """
    if counts and (since or until):
        raise CallError("--since and --until choose messages; leave them out with --counts.")
    check_output(output, overwrite=overwrite)
    told = read_watch_settings(settings)
    store = existing_store(told)
    with closing(store):
        if counts:
            n = watch_store.export_counts(store, output, period=told.period, overwrite=overwrite)
        else:
            n = watch_store.export_messages(
                store, output, since=_in_utc(since), until=_in_utc(until), overwrite=overwrite
            )
    if as_json:
        print_json({"rows": n, "file": str(output)})
        return
    _print(n, output, watch_status=f"metier watch status {settings}")


def _print(n: int, output: Path, *, watch_status: str) -> None:
    console, say = answer_console(), spoken()
    console.print(Text(say("{n} row(s|) in {file}", n=count(n), file=output)), soft_wrap=True)
    if not n:
        console.print(Text(say("next: {command}", command=with_language(watch_status))), soft_wrap=True)


def _in_utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.replace(tzinfo=UTC)
