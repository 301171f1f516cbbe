"""The commands by name. A command's module is imported when the command runs, never to list it.

So `metier --help` answers at once, and `metier predict` does not wait for what `metier train` needs. The price
is that the one-line help stands here and not beside the command; a test compares the two.
"""

import pkgutil
from gettext import gettext

import click

from metier.cli.help_text import HelpContext, with_help
from metier.cli.speech import CHOSEN, asked
from metier.errors import suggest

COMMANDS = {
    "check": ("metier.cli.check:check", "Check labelled rows for errors, leaks, duplicates and wrong labels."),
    "import": ("metier.cli.import_:import_file", "Convert the export of an annotation tool into rows."),
    "label": ("metier.cli.label:label", "Label rows by rules, and estimate the accuracy of each rule."),
    "train": (
        "metier.cli.train:train",
        "Train and compare methods on labelled rows, and recommend which to ship.",
    ),
    "evaluate": (
        "metier.cli.evaluate:evaluate",
        "Measure a trained model on labelled rows, and compare with its test rows.",
    ),
    "predict": ("metier.cli.predict:predict", "Predict for texts or for a whole file with a trained model."),
    "runs": ("metier.cli.runs:runs", "List, show, compare and remove runs."),
    "report": (
        "metier.cli.report:report",
        "Write the report of a finished run again, in English or Chinese.",
    ),
    "methods": (
        "metier.cli.methods:methods",
        "List the methods: what each does, costs and needs.",
    ),
    "serve": ("metier.cli.serve:serve", "Serve a trained model over HTTP."),
    "doctor": (
        "metier.cli.doctor:doctor",
        "Report what this machine offers, and what is missing.",
    ),
}


# Of every command, however it is called.
HELP = {"help_option_names": ["-h", "--help"]}


class CommandTable(click.Group):
    """A group whose commands are found in `COMMANDS`."""

    context_class = HelpContext

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the language first: what comes before `--lang` on the line, help or an error, is in it as well."""
        ctx.meta[CHOSEN] = asked(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as wrong:
            if wrong.possibilities:
                raise
            name = wrong.option_name
            raise click.UsageError(
                f"There is no option {name} before the command. Options follow it: metier COMMAND … {name}", ctx
            ) from wrong

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = pkgutil.resolve_name(COMMANDS[cmd_name][0])
        return with_help(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was called, or name the nearest."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            known = ", ".join(COMMANDS)
            raise click.UsageError(
                f"There is no command {name!r}.{suggest(name, COMMANDS)} Known: {known}.", ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table."""
        with formatter.section(gettext("Commands")):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])
