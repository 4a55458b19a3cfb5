"""A PostgreSQL server of the tests' own: in a temporary folder, reached by a socket file there and not by a port."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

_SYSTEM_USER = "postgres"
"""Runs the server where the tests run as root, whom PostgreSQL refuses; Debian's package creates it."""
_SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{folder}'
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = 16MB
max_connections = 40
autovacuum = off
"""


class Server:
    """A running server.

    Args:
        folder: Where its socket is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def new_schema(self) -> str:
        """Create an empty schema, as good as a database and a hundred times as fast; return a connection string."""
        name = f"test_{uuid4().hex}"
        address = make_conninfo(host=str(self._folder), user=_SYSTEM_USER, dbname="postgres")
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        return make_conninfo(address, options=f"-c search_path={name}")


def programs() -> Path | None:
    """Return the folder of the newest PostgreSQL on this machine; `None` where there is none."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = debian[-1] if debian else shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@contextmanager
def running(binaries: Path) -> Iterator[Server]:
    """Start a server and stop it at the end; both take about a second.

    Args:
        binaries: Folder of `initdb` and `pg_ctl`.
    """
    # Not pytest's temporary folder: the path of a socket has about a hundred bytes, and another user must reach it.
    folder = Path(tempfile.mkdtemp(prefix="moa-postgresql-"))
    is_root = os.geteuid() == 0
    data = str(folder / "data")

    def run(program: str, *arguments: str) -> None:
        # With output to a file: a server that is left running would hold a pipe open.
        with (folder / "output").open("ab") as output:
            command = [str(binaries / program), *arguments]
            options: dict[str, Any] = {"user": _SYSTEM_USER, "group": _SYSTEM_USER} if is_root else {}
            subprocess.run(command, check=True, stdout=output, stderr=output, cwd=folder, timeout=60, **options)

    try:
        if is_root:
            shutil.chown(folder, _SYSTEM_USER)
        run("initdb", "-D", data, "-U", _SYSTEM_USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        with (folder / "data" / "postgresql.conf").open("a") as settings:
            settings.write(_SETTINGS.format(folder=folder))
        run("pg_ctl", "-D", data, "-l", str(folder / "log"), "-w", "start")
        try:
            yield Server(folder)
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder)
