"""The tables of the history, as the steps that made them: step N takes a file from version N-1 to N. Never edit a step: add one.

Runs are numbered in the order in which they began; intervals are told in these numbers, never by a clock. `until_run` is the
last run in which it was seen, NULL while it is as in the repository's latest good run: a night without changes writes none.
"""

from __future__ import annotations

from typing import Final

_RUNS: Final = (
    """
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        started TEXT NOT NULL,          -- RFC 3339, UTC
        version TEXT NOT NULL,
        targets TEXT NOT NULL,          -- SHA-256 over the names of all targets
        settings TEXT NOT NULL,         -- SHA-256 over everything else that decides what comes out
        shard TEXT NOT NULL,            -- '1/4', or ''
        previous TEXT,                  -- when the run began that drift is measured against
        finished INTEGER NOT NULL DEFAULT 0,
        ended_early TEXT NOT NULL DEFAULT '',
        seconds REAL NOT NULL DEFAULT 0,
        notes TEXT NOT NULL DEFAULT '[]',
        renderers TEXT NOT NULL DEFAULT '{}',
        repositories INTEGER NOT NULL DEFAULT 0,
        failed INTEGER NOT NULL DEFAULT 0,
        images INTEGER NOT NULL DEFAULT 0,
        verdicts TEXT NOT NULL DEFAULT '{}',
        findings TEXT NOT NULL DEFAULT '{}'
    )
    """,
    """
    CREATE TABLE repositories (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        first_run INTEGER REFERENCES runs(id),   -- its first good run
        good_run INTEGER REFERENCES runs(id),    -- its latest good run
        good_document BLOB                       -- SHA-256 of what came of that; the document itself may be gone
    )
    """,
    "CREATE TABLE documents (hash BLOB PRIMARY KEY, content BLOB NOT NULL)",  # a report, zlib
    """
    CREATE TABLE outcomes (
        id INTEGER PRIMARY KEY,
        hash BLOB NOT NULL UNIQUE,      -- over the other columns
        target TEXT NOT NULL,           -- JSON: name, address, ref, path
        commit_id TEXT,
        failure TEXT,                   -- JSON: stage, why, help; NULL where there is a document
        document BLOB REFERENCES documents(hash),
        exit INTEGER NOT NULL,
        images INTEGER NOT NULL,
        verdicts TEXT NOT NULL,
        findings TEXT NOT NULL
    )
    """,
    "CREATE INDEX outcomes_of_documents ON outcomes(document)",
    """
    CREATE TABLE results (
        run INTEGER NOT NULL REFERENCES runs(id),
        repository INTEGER NOT NULL REFERENCES repositories(id),
        outcome INTEGER NOT NULL REFERENCES outcomes(id),
        PRIMARY KEY (run, repository)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX results_of_outcomes ON results(outcome)",
    "CREATE INDEX results_of_repositories ON results(repository)",
)
_INTERVALS: Final = (
    "CREATE TABLE refs (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, name TEXT NOT NULL)",  # as written; normalised
    "CREATE INDEX refs_by_name ON refs(name)",
    "CREATE TABLE signers (id INTEGER PRIMARY KEY, content TEXT NOT NULL UNIQUE)",  # JSON: issuer, source, subject each
    """
    CREATE TABLE sightings (
        id INTEGER PRIMARY KEY,
        repository INTEGER NOT NULL REFERENCES repositories(id),
        ref INTEGER NOT NULL REFERENCES refs(id),
        rule TEXT NOT NULL,             -- '' where no entry governs
        digest TEXT NOT NULL,           -- '' where nobody could tell, or asked
        verdict TEXT NOT NULL,
        signers INTEGER NOT NULL REFERENCES signers(id),
        vouched INTEGER,                -- 1 validly signed, 0 not, though every question was answered; NULL: could not tell
        since_run INTEGER NOT NULL REFERENCES runs(id),
        until_run INTEGER REFERENCES runs(id)
    )
    """,
    "CREATE INDEX sightings_by_ref ON sightings(repository, ref)",
    "CREATE INDEX sightings_of_refs ON sightings(ref)",
    "CREATE INDEX sightings_open ON sightings(repository) WHERE until_run IS NULL",
    "CREATE INDEX sightings_ended ON sightings(until_run) WHERE until_run IS NOT NULL",
    """
    CREATE TABLE findings (
        id INTEGER PRIMARY KEY,
        repository INTEGER NOT NULL REFERENCES repositories(id),
        fingerprint TEXT NOT NULL,
        ref INTEGER REFERENCES refs(id),
        since_run INTEGER NOT NULL REFERENCES runs(id),
        until_run INTEGER REFERENCES runs(id)
    )
    """,
    "CREATE INDEX findings_by_fingerprint ON findings(repository, fingerprint)",
    "CREATE INDEX findings_open ON findings(repository) WHERE until_run IS NULL",
    "CREATE INDEX findings_ended ON findings(until_run) WHERE until_run IS NOT NULL",
)
_WORK: Final = (
    """
    CREATE TABLE extractions (
        key TEXT PRIMARY KEY,
        content BLOB NOT NULL,          -- zlib
        used_run INTEGER NOT NULL       -- the latest run that asked for it
    )
    """,
    """
    CREATE TABLE answers (
        id INTEGER PRIMARY KEY,
        run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
        ground TEXT NOT NULL,
        key TEXT NOT NULL,
        content BLOB NOT NULL,          -- zlib
        UNIQUE (run, ground, key)
    )
    """,
)
STEPS: Final[tuple[tuple[str, ...], ...]] = ((*_RUNS, *_INTERVALS, *_WORK),)
"""The statements of each step."""
