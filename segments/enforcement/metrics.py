"""Figures of the decision point for Prometheus: how many decisions for which reason, and how long they took.

With several workers PROMETHEUS_MULTIPROC_DIR names a folder in which they add up; without it each tells its own.
"""

import os
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
DECISIONS: Final = Counter("zt_decisions", "Decisions taken for proxies", ("family", "reason"))
SECONDS: Final = Histogram(
    "zt_decision_seconds",
    "From the question to the answer, in seconds",
    ("family",),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)


def exposition() -> bytes:
    """Every figure in Prometheus' text format."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
