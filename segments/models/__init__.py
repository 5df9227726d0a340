"""The stored policy and the keys that sign identities, as rows."""

from segments.models.assertion_keys import AssertionKey
from segments.models.policy import Flow, Grant, Guardrail, PolicyVersion, Resource, Segment, default_actions

__all__ = ["AssertionKey", "Flow", "Grant", "Guardrail", "PolicyVersion", "Resource", "Segment", "default_actions"]
