"""What `metier test` prints of bases and writers: which sentences a base prefers, which secrets a writer has memorised."""

from rich.text import Text

from metier.assurance.fairness.preference import PAIRS, Preference
from metier.assurance.memorisation.exposure import Memorised
from metier.cli.console import answer_console, count, figures_table, print_whole
from metier.cli.speech import spoken
from metier.evaluation.figure import Figure


def print_preference(found: Preference) -> None:
    """Print the shares of sentences, and the limits of the test."""
    console, say = answer_console(), spoken()
    what = say("more stereotyping sentence likelier %") if found.of == PAIRS else say("he likelier than she %")
    table = figures_table(say("part"), what, say("rows"), left=1)
    for name, figure in {"all": found.all, **found.parts}.items():
        table.add_row(Text(say.told(name)), _share(figure), count(figure.rows))
    print_whole(console, table)
    if found.extremes:
        ranked = sorted(found.extremes.items(), key=lambda one: one[1])
        written = say.listed(f"{name} {value:+.2f}".replace("-", "−") for name, value in ranked)
        console.print(
            Text(say("log-odds of he over she by occupation: {values}", values=written)), soft_wrap=True
        )
    line = say(
        "limits: English sentences of stereotypes of the United States, some of them unsound (Blodgett et al., 2021); 50 % "
        "is no preference, and no proof; a model trained further is another one"
    )
    console.print(Text(line), soft_wrap=True)


def print_memorised(found: Memorised) -> None:
    """Print how exposed the secrets are, by how often each was planted."""
    console, say = answer_console(), spoken()
    table = figures_table(
        say("planted"),
        say("mean exposure (bits)"),
        say("by chance"),
        say("most possible"),
        say("secrets"),
        left=1,
    )
    for times, one in found.by_times.items():
        mean = f"{one.mean:.1f} [{one.low:.1f}, {one.high:.1f}]"
        name = say("{n} time(s|)", n=times)
        table.add_row(Text(name), mean, f"{found.by_chance:.1f}", f"{found.most:.1f}", count(one.secrets))
    print_whole(console, table)
    for written in found.extracted:
        console.print(Text(say("✗ likelier than every alternative: {text}", text=written)), soft_wrap=True)
    line = say(
        "limits: exposure of planted secrets among {n} alternatives; what else was memorised is not tested",
        n=count(found.n_alternatives),
    )
    console.print(Text(line), soft_wrap=True)


def _share(figure: Figure) -> str:
    assert figure.low is not None  # Shares have intervals.
    assert figure.high is not None
    return f"{100 * figure.value:.1f} [{100 * figure.low:.1f}, {100 * figure.high:.1f}]"
