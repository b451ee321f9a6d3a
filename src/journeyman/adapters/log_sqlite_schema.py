"""The tables of `SqliteLog`: what a row holds, and what it leaves to another one."""

from __future__ import annotations

SCHEMA = 2
"""What `PRAGMA user_version` says in files of this shape."""

APPLICATION = 0x4A726E6C
"""What `PRAGMA application_id` says: "Jrnl"."""

SHIFT = 32
LAST = (1 << SHIFT) - 1
"""A line's id is its run's number shifted by 32, plus its own number in the run; `LAST` is the largest of the latter.

Thereby a run's lines are neighbours in the one tree that there is. A key of (run, seq) costs a second tree, or a table
without row ids, where a fact of more than a thousand bytes already takes pages of its own: 10 to 40 % more CPU an append.
"""

LARGEST = (1 << 63) - 1
"""The largest number that SQLite can hold."""

UNSAID = 1
"""The version of a line that names none; lines of any other begin with it."""

LINES = """
CREATE TABLE lines (id INTEGER PRIMARY KEY, fact TEXT NOT NULL);
"""
"""A line is the fact's JSON without what its id and its run's row say: the run and the number, and of a run's first fact the
time, the agent and the conversation. Lines that say them all the same, as all did in files of schema 1, mean the same.
"""

# A number is two bytes long where a run's name has 26, and it is in each index anyway. Numbers follow each other like the runs'
# beginnings, so runs of one moment come in an order that holds.
ROWS = """
CREATE TABLE runs (
    number INTEGER PRIMARY KEY,
    run TEXT NOT NULL UNIQUE,
    agent TEXT NOT NULL,
    status TEXT NOT NULL,
    conversation TEXT,
    started_at INTEGER NOT NULL,
    parent TEXT,
    tags TEXT,
    prompt TEXT,
    model TEXT,
    updated_at INTEGER,
    facts INTEGER,
    pending INTEGER,
    input INTEGER,
    cache_read INTEGER,
    cache_write INTEGER,
    output INTEGER,
    reasoning INTEGER
);
CREATE INDEX runs_by_start ON runs (started_at);
CREATE INDEX runs_by_status ON runs (status, started_at);
CREATE INDEX runs_by_agent ON runs (agent, started_at);
CREATE INDEX runs_by_conversation ON runs (conversation, started_at) WHERE conversation IS NOT NULL;
CREATE TABLE tags (
    tag TEXT NOT NULL, started_at INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (tag, started_at, number)
) WITHOUT ROWID;
CREATE VIEW facts AS
    SELECT run, seq, coalesce(json_extract(line, '$.at'), iif(seq = 0, started_at, 0)) AS at,
        json_extract(line, '$.kind') AS kind,
        iif(json_extract(line, '$.run') IS NOT NULL, line,
            '{' || iif(line LIKE '{"v":%', '', '"v":1,') || '"run":' || json_quote(run) || ',"seq":' || seq || ','
            || iif(seq = 0, '"at":' || started_at || ',"agent":' || json_quote(agent) || ',', '')
            || iif(seq = 0 AND conversation IS NOT NULL, '"conversation":' || json_quote(conversation) || ',', '')
            || substr(line, 2)) AS fact
    FROM (
        SELECT run, agent, conversation, started_at, lines.id & 4294967295 AS seq, lines.fact AS line
        FROM runs JOIN lines ON lines.id BETWEEN runs.number << 32 AND (runs.number << 32) + 4294967295
    );
"""
"""`facts` is for people with an SQLite shell, and shows whole lines. The columns of `runs` from `model` on may be some facts
old, all others never are; those from `input` on count tokens. `tags` is JSON, NULL where there are none.
"""
