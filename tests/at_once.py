"""Jobs that start together, for tests that commit."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

WORKERS = 8
Found = TypeVar("Found")


def at_once(jobs: list[Callable[[], Found]], workers: int = WORKERS) -> list[Found]:
    """Run the jobs side by side, all started together, each thread on a connection of its own."""
    gate = threading.Barrier(min(workers, len(jobs)))

    def run(job: Callable[[], Found]) -> Found:
        try:
            return job()
        finally:
            connection.close()

    def first(job: Callable[[], Found]) -> Found:
        gate.wait()
        return run(job)

    with ThreadPoolExecutor(workers) as pool:
        ahead = [pool.submit(first, job) for job in jobs[:workers]]
        return [future.result() for future in [*ahead, *(pool.submit(run, job) for job in jobs[workers:])]]
