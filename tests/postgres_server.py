"""A PostgreSQL server of the tests' own: one a session, on a free loopback port, in a temporary directory.

`postgres_server` is the server, `postgres_url` a new, empty database on it. A guardian process holds one end
of a pipe whose other end is this process: whenever that closes, at the end or because the tests were killed,
it stops the server and removes its directory.
"""

from __future__ import annotations

import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

HOW_TO_INSTALL = "PostgreSQL is not installed: on Debian, apt-get install postgresql"
# The server is thrown away, so it need not survive a power cut.
CONFIGURATION = """
fsync = off
full_page_writes = off
listen_addresses = '127.0.0.1'
shared_buffers = 64MB
max_connections = 100
jit = off
log_statement = none
"""
GUARD = """read -r _
"$1/pg_ctl" -D "$2/data" -m immediate -w stop >/dev/null 2>&1
rm -rf -- "$2"
"""
# Tests that run at the same time may have taken a port between our look and the server's.
START_ATTEMPTS = 3
numbers = count(1)


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server."""

    binaries: Path
    directory: Path
    user: str | None
    port: int
    password: str

    def url(self, database: str) -> str:
        return f"postgresql://tester:{self.password}@127.0.0.1:{self.port}/{database}"

    @property
    def postmaster(self) -> int:
        """The process that all others of the server are children of, while it runs."""
        return int((self.directory / "data" / "postmaster.pid").read_text().split()[0])

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Connect through the socket directory, with every statement its own transaction."""
        return psycopg.connect(
            host=str(self.directory),
            port=self.port,
            user="tester",
            password=self.password,
            dbname=database,
            autocommit=True,
        )

    def control(self, *arguments: str) -> None:
        """Run pg_ctl: control("-m", "immediate", "stop"), control("start")."""
        log = str(self.directory / "log")
        command = [self.binaries / "pg_ctl", "-D", self.directory / "data", "-l", log, "-w", "-s", *arguments]
        run(command, self.user)


def run(command: list[str | Path], user: str | None) -> None:
    """Run a program as the server's user."""
    # pg_ctl's server would inherit a pipe and keep it open, so its output goes nowhere; the server has its
    # log.
    subprocess.run(
        command, check=True, cwd="/", user=user, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    )


def find_binaries() -> Path | None:
    """Find PostgreSQL's programs, the newest if Debian has several."""
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    found = [path for path in versions if (path / "initdb").exists() and path.parent.name.isdecimal()]
    if found:
        return max(found, key=lambda path: int(path.parent.name))
    program = shutil.which("initdb")
    return Path(program).resolve().parent if program else None


def server_user() -> str | None:
    """Name the account the server runs under: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(binaries: Path, directory: Path, user: str | None) -> PostgresServer:
    """Make a cluster and start it."""
    password = secrets.token_hex(12)
    password_file = directory / "password"
    password_file.write_text(password)
    if user is not None:
        shutil.chown(directory, user)
        shutil.chown(password_file, user)
    data = directory / "data"
    initdb = ["--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", "--username=tester"]
    run([binaries / "initdb", "-D", data, f"--pwfile={password_file}", *initdb], user)
    with (data / "postgresql.conf").open("a") as configuration:
        configuration.write(f"{CONFIGURATION}unix_socket_directories = '{directory}'\n")
    for attempt in range(START_ATTEMPTS):
        server = PostgresServer(binaries, directory, user, free_port(), password)
        try:
            server.control("-o", f"-p {server.port}", "start")
        except subprocess.CalledProcessError:
            if attempt == START_ATTEMPTS - 1:
                raise RuntimeError((directory / "log").read_text()) from None
        else:
            return server
    raise AssertionError("unreachable")


@contextmanager
def running(binaries: Path) -> Iterator[PostgresServer]:
    """Run a server while the block lasts."""
    # Not pytest's own: only its owner may enter that, and the server has another.
    directory = Path(tempfile.mkdtemp(prefix="feedmill-postgres-", dir="/tmp"))
    user = server_user()
    # A session of its own: control-C is for the tests.
    guardian = subprocess.Popen(
        ["/bin/sh", "-c", GUARD, "guard", binaries, directory],
        stdin=subprocess.PIPE,
        cwd="/",
        user=user,
        start_new_session=True,
    )
    try:
        yield start(binaries, directory, user)
    finally:
        assert guardian.stdin is not None
        guardian.stdin.close()
        guardian.wait(timeout=60)
        # Empty by now; but when it never belonged to the server's user, the guardian could not remove it.
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Run a server for the test session."""
    binaries = find_binaries()
    if binaries is None:
        if os.environ.get("CI") == "true":
            pytest.fail(HOW_TO_INSTALL)
        pytest.skip(HOW_TO_INSTALL)
    with running(binaries) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """Make an empty database for one test."""
    name = f"t{next(numbers)}_" + re.sub(r"\W+", "_", request.node.name, flags=re.ASCII)[:40].lower()
    with postgres_server.connect() as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield postgres_server.url(name)
    finally:
        with postgres_server.connect() as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
