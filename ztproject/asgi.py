"""The decision point (data plane) as an ASGI application. It shares nothing with the portal but the database."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ztproject.settings")
django.setup()

from segments.enforcement.decision_point import DecisionPoint  # noqa: E402 (models can be imported only now)

application = DecisionPoint()
