"""The commands by name; the file of a command is imported when it is called."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter

from ... import __version__

INTERRUPTED = 130

app = App(
    name="journeyman",
    help="Agents that keep a journal: run them, talk to them, look at what they did.",
    help_epilogue="Begin with `journeyman demo`, which needs no key, and `journeyman doctor`, which says what is there.",
    help_format="plaintext",
    version=__version__,
    default_parameter=Parameter(negative=()),
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)

_HERE = __package__  # the name under which the package was vendored, if it was
app.command(f"{_HERE}.running:run", name="run", help="Let an agent answer one prompt.")
app.command(f"{_HERE}.chatting:chat", name="chat", help="Talk with a model, in the terminal.")
app.command(f"{_HERE}.runs:runs", name="runs", help="List runs, look into them, follow them, add up what they cost.")
app.command(f"{_HERE}.replaying:record", name="record", help="Record what a program's runs get from models and tools.")
app.command(f"{_HERE}.replaying:replay", name="replay", help="Run a recorded program without asking a model.")
app.command(f"{_HERE}.doctor:doctor", name="doctor", help="Say which models can be used here, and what is missing.")
app.command(f"{_HERE}.serving:serve", name="serve", help="Serve models and agents on the wires of all providers.")
app.command(f"{_HERE}.working:worker", name="worker", help="Carry out the runs of a queue, in the background.")
app.command(f"{_HERE}.working:jobs", name="jobs", help="Put runs into a queue, see what becomes of them, cancel them.")
app.command(f"{_HERE}.twinning:twin", name="twin", help="Be a provider on loopback, from a script, with faults.")
app.command(f"{_HERE}.models:models", name="models", help="List the models that are within reach.")
app.command(f"{_HERE}.programs:program", name="program", help="Run programs in the sandbox, from files or as typed.")
app.command(f"{_HERE}.prices:prices", name="prices", help="Say what a model's tokens cost.")
app.command(f"{_HERE}.demo:demo", name="demo", help="See an agent at work on a table, without a key or a network.")


def invoke(tokens: Sequence[str]) -> int:
    """Carry out a command line and give its exit code."""
    try:
        done = app(tokens, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        chain = " ".join(("journeyman", *(error.command_chain or ())))
        print(f"{str(error).strip()}\nnext: {chain} --help", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED
    return done if isinstance(done, int) else 0
