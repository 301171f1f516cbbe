"""Write docs/commands/*.md from the commands themselves: `python scripts/command_pages.py`.

A test compares the pages with the output of this script, so that they stay up to date.
"""

from pathlib import Path

import click

from metier.cli.commands import COMMANDS, HELP, CommandTable

DOCS = Path(__file__).resolve().parents[1] / "docs" / "commands"


def pages() -> dict[Path, str]:
    """Give each page's path and text."""
    group = CommandTable("metier")
    root = click.Context(group, info_name="metier", max_content_width=100, terminal_width=100)
    written = {}
    for name, (_, line) in COMMANDS.items():
        command = group.get_command(root, name)
        context = click.Context(
            command,
            info_name=name,
            parent=root,
            max_content_width=100,
            terminal_width=100,
            help_option_names=["-h", "--help"],
        )
        parts = [f"# metier {name}", line, shown(command, context)]
        for part, one in commands_of(command).items():
            parts += [f"## metier {name} {part}", shown(one, of_group(one, part, context))]
        written[DOCS / f"{name}.md"] = "\n\n".join(parts) + "\n"
    return written


def commands_of(command: click.Command) -> dict[str, click.Command]:
    """The commands of a group by their names, whatever was imported first; of any other command none."""
    return dict(sorted(command.commands.items())) if isinstance(command, click.Group) else {}


def of_group(command: click.Command, name: str, group: click.Context) -> click.Context:
    """The context of a command of a group."""
    return click.Context(
        command, info_name=name, parent=group, max_content_width=100, terminal_width=100, **HELP
    )


def shown(command: click.Command, context: click.Context) -> str:
    """The help of a command as a block."""
    return f"```text\n{command.get_help(context)}\n```"


def main() -> None:
    """Write the pages."""
    DOCS.mkdir(parents=True, exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
