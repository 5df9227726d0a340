"""Every reason has words, and they name the segment."""

import pytest

from segments.explanations import words
from segments.policy.model import Reason


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_explained(reason: Reason) -> None:
    found = words(reason, "Finance")
    assert found.why.endswith((".", "closed."))
    assert "%" not in found.why + found.help


def test_the_segment_is_named() -> None:
    assert words(Reason.NOT_GRANTED, "Finance") == (
        "None of your roles opens Finance.",
        "Ask the owners of Finance, and quote the reference.",
    )


def test_an_unknown_segment_is_this_segment() -> None:
    assert words(Reason.NOT_GRANTED).why == "None of your roles opens this segment."
