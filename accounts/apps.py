"""WHO: users, roles, sessions, sign-in, second factors. Knows nothing of segments."""

from django.apps import AppConfig
from django.core.checks import register
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("People and roles")

    def ready(self) -> None:
        from accounts import checks, receivers  # the app registry is ready only now

        register(checks.keys_are_set_apart)
        register(checks.sign_in_is_whole)
        post_migrate.connect(receivers.create_built_in_roles, sender=self)
