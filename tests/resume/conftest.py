"""Databases for tests that kill, resume and look into checkpoints."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.resume import postgresql
from tests.resume.databases import Database

REQUIRED = "LANGGRAPH_MOA_REQUIRE_POSTGRESQL"
"""Environment variable: where it is set, tests without PostgreSQL fail rather than skip."""


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[postgresql.Server]:
    """Start PostgreSQL for this session."""
    binaries = postgresql.programs()
    if binaries is None:
        reason = "no PostgreSQL on this machine: install Debian's package postgresql, or put initdb and pg_ctl on PATH"
        if os.environ.get(REQUIRED):
            pytest.fail(reason)
        pytest.skip(reason)
    with postgresql.running(binaries) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """Create an empty database."""
    if request.param == "sqlite":
        created = Database("sqlite", str(tmp_path / "checkpoints.sqlite"))
    else:
        server: postgresql.Server = request.getfixturevalue("postgresql_server")
        created = Database("postgresql", server.new_schema())
    created.create_tables()
    return created
