"""What is stored of segments and grants, in words, for those who may look and not change."""

from datetime import timedelta
from typing import Any

from segments.notation import duration_text
from segments.policyfile.reading import in_order
from segments.portal import hours_words
from segments.snapshot import hours_value


def labelled(labels: dict[str, str]) -> str:
    return ", ".join(f"{name}={text}" for name, text in labels.items())


def hours(stored: dict[str, Any] | None) -> str:
    found = hours_value(stored)
    return hours_words(found) if found else ""


def length(stored: timedelta | None) -> str:
    return duration_text(stored) if stored else ""


def asked(question: dict[str, Any]) -> str:
    return "; ".join(f"{key}: {value}" for key, value in in_order(question).items())
