from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = _("Ledger")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from audit import checks, receivers  # noqa: F401 -- the models are there only now, and checks register

        post_migrate.connect(receivers.begin_ledger, sender=self, dispatch_uid="audit.begin_ledger")
