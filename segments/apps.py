"""WHAT MAY REACH WHAT: segments, resources, grants, flows, and the engine that decides."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class SegmentsConfig(AppConfig):
    name = "segments"
    verbose_name = _("Segments")

    def ready(self) -> None:
        from segments import checks, receivers  # noqa: F401 (the app registry is ready only now, and checks register)

        post_migrate.connect(receivers.create_built_in_segments, sender=self)
