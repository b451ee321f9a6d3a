"""The tables of a `PostgresLog`, and the statements that are put to them."""

from __future__ import annotations

from typing import LiteralString, NamedTuple

from psycopg import sql

from ..data import CallerError
from ..journal import RunQuery
from .log_threads import PAGE_BYTES, PAGE_FACTS, Place

VERSION = 1
"""What the table `journal` says in schemas of this shape."""

TABLES = ("journal", "runs", "facts", "tags", "followed")

_MAKE: LiteralString = """
CREATE SCHEMA IF NOT EXISTS {schema};
CREATE TABLE {schema}.runs (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run text COLLATE "C" NOT NULL UNIQUE,
    agent text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    conversation text COLLATE "C",
    started_at bigint NOT NULL,
    facts integer NOT NULL,
    summary text NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX runs_by_start ON {schema}.runs (started_at, run);
CREATE INDEX runs_by_status ON {schema}.runs (status, started_at, run);
CREATE INDEX runs_by_agent ON {schema}.runs (agent, started_at, run);
CREATE INDEX runs_by_conversation ON {schema}.runs (conversation, started_at, run) WHERE conversation IS NOT NULL;
CREATE TABLE {schema}.facts (
    number bigint NOT NULL REFERENCES {schema}.runs ON DELETE CASCADE,
    seq integer NOT NULL,
    fact text NOT NULL,
    append uuid NOT NULL,
    PRIMARY KEY (number, seq)
);
CREATE TABLE {schema}.tags (
    tag text COLLATE "C" NOT NULL,
    started_at bigint NOT NULL,
    run text COLLATE "C" NOT NULL REFERENCES {schema}.runs (run) ON DELETE CASCADE,
    PRIMARY KEY (tag, started_at, run)
);
CREATE INDEX tags_by_run ON {schema}.tags (run);
CREATE UNLOGGED TABLE {schema}.followed (run text COLLATE "C" PRIMARY KEY, until timestamptz NOT NULL);
CREATE TABLE {schema}.journal (version integer NOT NULL);
INSERT INTO {schema}.journal VALUES ({version});
"""
"""`facts.append` is an id of the append that wrote it, by which a writer whose connection broke knows its own facts again.
`followed` says of which runs somebody in another process wants to be told; a notification that nobody waits for would be
worse than useless, for while one is sent, PostgreSQL lets no other that sends one commit.
"""

# One statement, so one transaction and one exchange with the server. The row of the run is the fence: a second writer waits
# for it, then finds another number of facts in it.
_STORE: LiteralString = """
stored AS (
    INSERT INTO {schema}.facts
    SELECT fenced.number, %(at)s + line.place - 1, line.fact, %(append)s
    FROM fenced, unnest(%(lines)s::text[]) WITH ORDINALITY AS line (fact, place)
)
"""
_GO_ON: LiteralString = """
WITH fenced AS (
    UPDATE {schema}.runs SET facts = %(facts)s, status = %(status)s, summary = %(summary)s
    WHERE number = %(number)s AND facts = %(at)s
    RETURNING number
),"""
_TOLD: LiteralString = """
SELECT fenced.number, (
    SELECT pg_notify({channel}, {payload}) FROM {schema}.followed WHERE followed.run = %(run)s AND until > now()
) FROM fenced
"""
_BEGIN: LiteralString = """
WITH fenced AS (
    INSERT INTO {schema}.runs (run, agent, status, conversation, started_at, facts, summary)
    VALUES (%(run)s, %(agent)s, %(status)s, %(conversation)s, %(started_at)s, %(facts)s, %(summary)s)
    ON CONFLICT (run) DO NOTHING
    RETURNING number
),
tagged AS (
    INSERT INTO {schema}.tags
    SELECT tag, %(started_at)s, %(run)s FROM fenced, unnest(%(tags)s::text[]) AS tag
),"""
# `octet_length` reads a fact's length without fetching the fact from where long values are kept.
_PART: LiteralString = """
SELECT runs.facts, runs.status, part.seq, part.fact
FROM {schema}.runs LEFT JOIN LATERAL (
    SELECT seq, fact FROM (
        SELECT seq, fact,
            sum(octet_length(fact)) OVER (ORDER BY seq ROWS UNBOUNDED PRECEDING) - octet_length(fact) AS before
        FROM {schema}.facts WHERE facts.number = runs.number AND seq >= %(first)s ORDER BY seq LIMIT {page_facts}
    ) AS page WHERE before < {page_bytes}
) AS part ON true
WHERE runs.run = %(run)s ORDER BY part.seq
"""
_DELETE: LiteralString = "WITH fenced AS (DELETE FROM {schema}.runs WHERE number = %(number)s RETURNING number)"
_WATCHED: LiteralString = "SELECT run, number, facts FROM {schema}.runs WHERE run = ANY(%(runs)s)"
_FOLLOW: LiteralString = """
WITH gone AS (DELETE FROM {schema}.followed WHERE until < now() - interval '1 day')
INSERT INTO {schema}.followed
SELECT run, now() + %(seconds)s * interval '1 second' FROM unnest(%(runs)s::text[]) AS run ORDER BY run
ON CONFLICT (run) DO UPDATE SET until = excluded.until
"""


class Statements(NamedTuple):
    """What is asked of the tables in one schema."""

    schema: str
    channel: str
    make: sql.Composed
    version: sql.Composed
    begin: sql.Composed
    go_on: sql.Composed
    tail: sql.Composed
    written_by: sql.Composed
    part: sql.Composed
    delete: sql.Composed
    watched: sql.Composed
    follow: sql.Composed
    listen: sql.Composed


def statements(schema: str, channel: str) -> Statements:
    """The statements for the tables in that schema."""

    def made(text: LiteralString) -> sql.Composed:
        return sql.SQL(text).format(
            schema=sql.Identifier(schema),
            channel=sql.Literal(channel),
            # A notification's words are limited to 8,000 bytes; without words it is for every follower.
            payload=sql.SQL("CASE WHEN octet_length(%(run)s::text) < 7000 THEN %(run)s::text ELSE '' END"),
            page_facts=sql.Literal(PAGE_FACTS),
            page_bytes=sql.Literal(PAGE_BYTES),
            version=sql.Literal(VERSION),
        )

    return Statements(
        schema=schema,
        channel=channel,
        make=made(_MAKE),
        version=made("SELECT version FROM {schema}.journal"),
        begin=made(_BEGIN + _STORE + _TOLD),
        go_on=made(_GO_ON + _STORE + _TOLD),
        tail=made("SELECT number, facts, summary FROM {schema}.runs WHERE run = %(run)s"),
        written_by=made("SELECT append FROM {schema}.facts WHERE number = %(number)s AND seq = %(at)s"),
        part=made(_PART),
        delete=made(_DELETE + _TOLD),
        watched=made(_WATCHED),
        follow=made(_FOLLOW),
        listen=sql.SQL("LISTEN {}").format(sql.Identifier(channel)),
    )


def stored(text: str) -> str:
    """A name as it stands in a column: PostgreSQL's text cannot hold U+0000, nor any UTF-8 half a surrogate pair."""
    text = text.replace("\\", "\\\\").replace("\0", "\\0")
    try:
        text.encode()
    except UnicodeEncodeError:
        # No run was ever written with such a name, and this is none either.
        return text.encode("utf-8", "backslashreplace").decode()
    return text


_TESTS = {
    "runs.status = %(status)s": "status",
    "runs.agent = %(agent)s": "agent",
    "runs.conversation = %(conversation)s": "conversation",
    "tags.tag = %(tag)s": "tag",
    "{0}.started_at > %(started_after)s": "started_after",
    "{0}.started_at < %(started_before)s": "started_before",
}
_INTEGERS = (1 << 63) - 1


def listing(schema: str, query: RunQuery, after: Place | None) -> tuple[sql.Composed, dict[str, str | int]]:
    """The statement for a page of runs, and its values."""
    # The pages of a tag are read in the order of the tag's own index, those of anything else in one of the runs'.
    table = "runs" if query.tag is None else "tags"
    values: dict[str, str | int] = {}
    tests: list[str] = []
    for test, name in _TESTS.items():
        value: str | int | None = getattr(query, name)
        if value is not None:
            tests.append(test.format(table))
            values[name] = stored(value) if isinstance(value, str) else _number(value)
    if after is not None:
        tests.append(f"({table}.started_at, {table}.run) < (%(place_at)s, %(place_run)s)")
        values |= {"place_at": _number(after[0]), "place_run": stored(after[1])}
    values["limit"] = _number(query.limit)
    source = "{schema}.runs" if query.tag is None else "{schema}.tags JOIN {schema}.runs ON runs.run = tags.run"
    text = (
        f"SELECT runs.summary FROM {source} WHERE {' AND '.join(tests) or 'true'} "  # noqa: S608  (words of ours; values are bound)
        f"ORDER BY {table}.started_at DESC, {table}.run DESC LIMIT %(limit)s::bigint + 1"
    )
    return sql.SQL(text).format(schema=sql.Identifier(schema)), values  # pyright: ignore[reportArgumentType]  # words of ours


def _number(value: int) -> int:
    return max(-_INTEGERS, min(value, _INTEGERS - 1))


def check_schema_name(name: str) -> str:
    """Refuse a name that PostgreSQL would cut or keep for itself."""
    if not name or "\0" in name or len(name.encode("utf-8", "replace")) > 63 or name.startswith("pg_"):  # noqa: PLR2004  (NAMEDATALEN - 1)
        raise CallerError(
            f"schema={name!r} is no name of a schema: 1 to 63 bytes, and not pg_… (the parameter ?schema=)"
        )
    return name
