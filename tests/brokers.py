"""Message brokers of the tests' own: a RabbitMQ and a Redis, on free ports, in temporary directories.

As with PostgreSQL, a guardian holds one end of a pipe whose other end is this process, and when that closes
it stops the server and removes its directory.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import kombu
import pytest

from tests.postgres_server import free_port

RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"
GUARD = """read -r _
for pid in $(cat "$1"/*.pid 2>/dev/null); do kill -9 "$pid" 2>/dev/null; done
[ -e "$1/epmd" ] && until epmd -port "$(cat "$1/epmd")" -kill >/dev/null 2>&1; do
  n=$((n + 1)); [ "$n" -lt 50 ] || break; sleep 0.1
done
rm -rf -- "$1"
"""
ANSWER_S = 60.0


@dataclass
class Server:
    """A broker that can be stopped hard, and started again over what it had on disk."""

    command: list[str]
    environment: dict[str, str]
    directory: Path
    port: int
    url: str
    pid: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        log = (self.directory / "output").open("ab")
        with log:
            self.process = subprocess.Popen(
                self.command,
                env={**os.environ, **self.environment},
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            with kombu.Connection(self.url, connect_timeout=2) as connection:
                # Until it answers: it opens its port when it is ready, or a moment before.
                connection.ensure_connection(
                    max_retries=int(ANSWER_S * 5), interval_start=0.2, interval_step=0, interval_max=0.2
                )
        except OSError:
            raise RuntimeError((self.directory / "output").read_text("utf-8", "replace")) from None

    def kill(self) -> None:
        """As a power cut does; what it has on disk stays."""
        pid = int((self.directory / "server.pid").read_text())
        with socket.create_connection(("127.0.0.1", self.port)) as open_until_it_dies:
            os.kill(pid, signal.SIGKILL)
            # The system closes what a dead process had open.
            try:
                while open_until_it_dies.recv(1024):
                    pass
            except ConnectionResetError:
                pass
        assert self.process is not None
        self.process.wait(timeout=ANSWER_S)


@contextmanager
def guarded(name: str) -> Iterator[Path]:
    """Make a directory that a guardian will remove, after the servers whose .pid files are in it."""
    directory = Path(tempfile.mkdtemp(prefix=f"feedmill-{name}-", dir="/tmp"))
    guardian = subprocess.Popen(
        ["/bin/sh", "-c", GUARD, "guard", directory], stdin=subprocess.PIPE, cwd="/", start_new_session=True
    )
    try:
        yield directory
    finally:
        assert guardian.stdin is not None
        guardian.stdin.close()
        guardian.wait(timeout=60)


def missing(package: str) -> None:
    reason = f"{package} is not installed: on Debian, apt-get install {package}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def ended(server: Server) -> None:
    """Take the exit code of a server that was started here, or Python warns of it."""
    if server.process is not None:
        server.process.kill()
        server.process.wait()


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[Server]:
    """Run a RabbitMQ for the test session."""
    program = RABBITMQ if Path(RABBITMQ).exists() else shutil.which("rabbitmq-server")
    if program is None:
        missing("rabbitmq-server")
    with guarded("rabbitmq") as directory:
        port, distribution, epmd = free_port(), free_port(), free_port()
        (directory / "epmd").write_text(str(epmd))
        environment = {
            "HOME": str(directory),
            "RABBITMQ_NODENAME": f"feedmill{port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(directory / "log"),
            "RABBITMQ_PID_FILE": str(directory / "server.pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": str(directory / "env"),
            "ERL_EPMD_PORT": str(epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        server = Server(
            [str(program)], environment, directory, port, f"amqp://guest:guest@127.0.0.1:{port}//"
        )
        try:
            server.start()
            yield server
        finally:
            (pid,) = [path.read_text() for path in directory.glob("server.pid")] or ("",)
            if pid:
                os.kill(int(pid), signal.SIGKILL)
            ended(server)


@pytest.fixture(scope="session")
def redis() -> Iterator[Server]:
    """Run a Redis for the test session, which writes every command to its disk."""
    program = shutil.which("redis-server")
    if program is None:
        missing("redis-server")
    with guarded("redis") as directory:
        port = free_port()
        pid_file = directory / "server.pid"
        settings = {
            "port": port,
            "bind": "127.0.0.1",
            "dir": directory,
            "pidfile": pid_file,
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "daemonize": "no",
            "requirepass": "s3cret-canary",
        }
        configuration = directory / "redis.conf"
        configuration.write_text("".join(f'{name} "{value}"\n' for name, value in settings.items()))
        url = f"redis://:s3cret-canary@127.0.0.1:{port}/0"
        server = Server([str(program), str(configuration)], {}, directory, port, url)
        try:
            server.start()
            yield server
        finally:
            ended(server)


def received(url: str, queue: str) -> list[kombu.Message]:
    """Take all messages out of a queue, in their order."""
    taken = []
    with kombu.Connection(url, connect_timeout=5) as connection:
        bound = kombu.Queue(queue)(connection.channel())
        while (message := bound.get(no_ack=True)) is not None:
            taken.append(message)
    return taken
