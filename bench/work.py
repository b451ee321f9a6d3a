"""What a system is asked to do: the small interface between the cases and the systems.

A system is a module of `systems/` with two asynchronous context managers:

    session(work: Work) -> Session         an agent whose model is the server at `work.url`
    stub_session(rounds: int) -> Session   an agent whose model is an object in this process (no HTTP)

A session has `run`, and where the system can: `stream` (the text of the answer, put together from its pieces) and
`ask` (one turn of a conversation that the session remembers). What a system lacks it does not define; the table then
shows a dash.
"""

from typing import NamedTuple

PROMPT = "What is the answer?"
ANSWER = "The answer is 42."
MORE_ROUNDS_THAN_ANY_CASE = 30


class Work(NamedTuple):
    url: str
    script: str
    tools: bool = False
    database: str | None = None  # path of an SQLite file that is to keep the run


async def lookup(key: str) -> str:
    """Look a value up.

    Args:
        key: what to look for
    """
    return f"value of {key}"
