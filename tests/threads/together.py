"""Threads that start at the same moment, and bring back what they found or raised."""

from __future__ import annotations

import threading
from collections.abc import Callable


def together[T](threads: int, work: Callable[[int], T]) -> list[T]:
    """Run ``work(n)`` in thread n of so many, all at once; return the results in the threads' order.

    The first exception of any is raised here: a thread that dies in silence would look like one that
    found nothing wrong.
    """
    barrier = threading.Barrier(threads)
    results: dict[int, T] = {}
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            barrier.wait()
            results[number] = work(number)
        except BaseException as error:
            barrier.abort()  # or those who wait for this thread would wait for ever
            errors.append(error)

    started = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    for error in errors:
        if not isinstance(error, threading.BrokenBarrierError):
            raise error
    return [results[number] for number in range(threads)]
