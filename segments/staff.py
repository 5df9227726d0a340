"""What the ready-made groups of staff may do with segments; on which ones is in `segments.privileges`."""

from collections.abc import Collection, Mapping
from typing import Final

from accounts.staff import ACCESS_ADMINISTRATORS, AUDITORS

PERMISSIONS: Final[Mapping[str, Mapping[str, Collection[str]]]] = {
    ACCESS_ADMINISTRATORS: {
        "segments": (
            "view_segment", "add_segment", "change_segment",
            "view_resource", "add_resource", "change_resource", "delete_resource",
            "view_grant", "add_grant", "change_grant", "delete_grant",
            "view_flow", "add_flow", "change_flow", "delete_flow",
            "view_guardrail", "add_guardrail", "change_guardrail",
        ),
    },
    AUDITORS: {
        "segments": ("view_segment", "view_resource", "view_grant", "view_flow", "view_guardrail"),
    },
}  # fmt: skip
