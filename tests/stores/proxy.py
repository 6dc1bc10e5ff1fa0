"""A TCP proxy in front of PostgreSQL that loses what a test wants lost."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK = 1 << 16


class Proxy:
    """Passes bytes on until `cut` says otherwise.

    Parameters
    ----------
    port : int
        The server's, on the loopback interface.
    is_last : callable
        Given each block the client sends: True to pass it on and then cut the connection, the answer lost.
    is_silent : bool
        Not to cut it then, but to go on taking what either side sends, and to pass nothing on.
    """

    def __init__(self, port: int, is_last: Callable[[bytes], bool], *, is_silent: bool = False) -> None:
        self._server = port
        self._is_last = is_last
        self._is_silent = is_silent
        self._lock = threading.Lock()
        # Both guarded by _lock.
        self._sockets: list[socket.socket] = []
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, name="proxy-accept")]
        self._threads[0].start()

    def refuse(self) -> None:
        """Take no connections any more."""
        # A listener that another thread waits on is woken by shutdown, not by close.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def close(self) -> None:
        self.refuse()
        # Whom it has accepted is in the list by then.
        self._threads[0].join(60)
        with self._lock:
            sockets = list(self._sockets)
        for each in sockets:
            end(each)
        for thread in self._threads:
            thread.join(60)
        # Only now: what one thread closes may be another connection's number when a second one closes it.
        for each in sockets:
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._server))
            answering = threading.Event()
            answering.set()
            with self._lock:
                self._sockets += [client, server]
            for source, sink, is_client in ((client, server, True), (server, client, False)):
                thread = threading.Thread(target=self._pass, args=(source, sink, is_client, answering))
                self._threads.append(thread)
                thread.start()

    def _pass(
        self, source: socket.socket, sink: socket.socket, is_client: bool, answering: threading.Event
    ) -> None:
        with suppress(OSError):
            while block := source.recv(BLOCK):
                if self._is_silent and not answering.is_set():
                    continue
                if is_client:
                    with self._lock:
                        last = self._is_last(block)
                        self.cuts += last
                    if last:
                        # From here on the server's answers go nowhere.
                        answering.clear()
                    sink.sendall(block)
                elif answering.is_set():
                    sink.sendall(block)
                else:
                    # The server has answered, so it has done what it was told.
                    break
        end(source)
        end(sink)


def end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
