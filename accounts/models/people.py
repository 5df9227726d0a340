"""People, systems and roles."""

from datetime import datetime
from typing import Any, ClassVar, Final

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.names import MAX_LENGTH, is_username, normalise_username
from accounts.querysets import RoleAssignmentQuerySet
from audit import ledger


def validate_username(value: str) -> None:
    if not is_username(value):
        raise ValidationError(
            _("“%(value)s” is not a username: use lower-case letters, digits and . _ @ + -, first a letter or digit."),
            code="invalid_username",
            params={"value": value},
        )


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(username=normalise_username(username or ""))

    def create_user(self, username: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(username=normalise_username(username), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    @transaction.atomic
    def create_superuser(self, username: str, password: str | None = None, **fields: Any) -> "User":
        """An administrator: superuser, staff, the role that opens the administration. Enrols at the first sign-in."""
        user = self.create_user(username, password, **fields | {"is_staff": True, "is_superuser": True})
        role = Role.objects.get(slug=Role.ADMINISTRATOR)
        RoleAssignment.objects.create(user=user, role=role, reason="made a superuser")
        ledger.record(kind="account.changed", subject=user.subject_id, data={"made": "superuser", "role": role.slug})
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """A person. Deactivated or quarantined means refused on the next request."""

    username = models.CharField(
        _("username"),
        max_length=MAX_LENGTH,
        unique=True,
        validators=[validate_username],
        help_text=_("Lower-case letters, digits and . _ @ + -"),
    )
    name = models.CharField(_("name"), max_length=150, blank=True)
    email = models.EmailField(_("email address"), blank=True)
    is_staff = models.BooleanField(
        _("staff"), default=False, help_text=_("May use the admin, with the role that opens it.")
    )
    is_active = models.BooleanField(_("active"), default=True, help_text=_("Untick instead of deleting an account."))
    quarantined_at = models.DateTimeField(_("quarantined since"), null=True, blank=True, editable=False)
    date_joined = models.DateTimeField(_("date joined"), default=timezone.now, editable=False)
    # Wrong codes are counted here, on the account: neither a new session nor another factor starts anew.
    factor_failures = models.PositiveIntegerField(_("wrong codes in a row"), default=0, editable=False)
    factor_failed_at = models.DateTimeField(_("last wrong code"), null=True, blank=True, editable=False)

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["email"]

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        ordering = ("username",)
        permissions = [("reset_factor", _("Can reset a person's second factors"))]

    def __str__(self) -> str:
        return self.username

    def clean(self) -> None:
        self.username = normalise_username(self.username)
        self.email = UserManager.normalize_email(self.email)

    @property
    def subject_id(self) -> str:
        return f"user:{self.username}"

    def get_full_name(self) -> str:
        return self.name or self.username

    def get_short_name(self) -> str:
        return self.get_full_name()


class ServiceAccount(models.Model):
    """A system with no person behind it. Enters only segments that allow service accounts."""

    name = models.CharField(_("name"), max_length=MAX_LENGTH, unique=True, validators=[validate_username])
    is_active = models.BooleanField(_("active"), default=True)
    networks = models.JSONField(_("networks"), default=list, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("service account")
        verbose_name_plural = _("service accounts")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def subject_id(self) -> str:
        return f"service:{self.name}"


class Role(models.Model):
    """A named set of duties."""

    EVERYBODY: Final = "everybody"
    ADMINISTRATOR: Final = "administrator"
    BUILT_IN: Final = (
        (EVERYBODY, "Everybody", "Held by every signed-in person."),
        (ADMINISTRATOR, "Administrator", "Opens the administration; Django's permissions narrow it further."),
    )

    slug = models.SlugField(_("slug"), unique=True)
    name = models.CharField(_("name"), max_length=150)
    description = models.TextField(_("description"), blank=True)
    built_in = models.BooleanField(_("built in"), default=False, editable=False)

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")
        ordering = ("slug",)

    def __str__(self) -> str:
        return self.name or self.slug


class RoleAssignment(models.Model):
    """A role given to a person or a system: by whom, why, from when, until when. Revoked, never deleted."""

    user = models.ForeignKey(
        User, models.CASCADE, null=True, blank=True, related_name="role_assignments", verbose_name=_("user")
    )
    service_account = models.ForeignKey(
        ServiceAccount,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="role_assignments",
        verbose_name=_("service account"),
    )
    role = models.ForeignKey(Role, models.PROTECT, related_name="assignments", verbose_name=_("role"))
    reason = models.CharField(_("reason"), max_length=250, blank=True)
    not_before = models.DateTimeField(_("from"), null=True, blank=True)
    expires_at = models.DateTimeField(_("until"), null=True, blank=True)
    granted_by = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="+", editable=False, verbose_name=_("granted by")
    )
    granted_at = models.DateTimeField(_("granted"), default=timezone.now, editable=False)
    revoked_by = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="+", editable=False, verbose_name=_("revoked by")
    )
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)

    objects = RoleAssignmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("role assignment")
        verbose_name_plural = _("role assignments")
        ordering = ("-granted_at", "-pk")
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, service_account__isnull=True)
                | Q(user__isnull=True, service_account__isnull=False),
                name="role_assignment_has_one_holder",
                violation_error_message=_("Choose either a user or a service account."),
            ),
            models.CheckConstraint(
                condition=Q(not_before__isnull=True) | Q(expires_at__isnull=True) | Q(not_before__lt=F("expires_at")),
                name="role_assignment_ends_after_it_starts",
                violation_error_message=_("“Until” must be later than “from”."),
            ),
            models.UniqueConstraint(
                fields=["user", "role"],
                condition=Q(revoked_at__isnull=True, user__isnull=False),
                name="role_assignment_once_a_user",
                violation_error_message=_("This person already has this role: revoke that assignment first."),
            ),
            models.UniqueConstraint(
                fields=["service_account", "role"],
                condition=Q(revoked_at__isnull=True, service_account__isnull=False),
                name="role_assignment_once_a_service_account",
                violation_error_message=_("This service account already has this role: revoke that assignment first."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} → {self.holder}"

    @property
    def holder(self) -> User | ServiceAccount:
        holder = self.user or self.service_account
        assert holder is not None  # a database constraint
        return holder

    def holds(self, at: datetime) -> bool:
        """Whether the role is active at `at`. Windows include their start and exclude their end."""
        if self.revoked_at is not None:
            return False
        begun = self.not_before is None or self.not_before <= at
        return begun and (self.expires_at is None or at < self.expires_at)


class PasswordThrottle(models.Model):
    """Wrong passwords for one name from one neighbourhood of addresses. Says neither: it is kept under a keyed hash."""

    key_hash = models.CharField(max_length=64, primary_key=True)
    failures = models.PositiveIntegerField(_("wrong passwords in a row"), default=0)
    failed_at = models.DateTimeField(_("last wrong password"), db_index=True)

    class Meta:
        verbose_name = _("password throttle")
        verbose_name_plural = _("password throttles")

    def __str__(self) -> str:
        return f"{self.key_hash[:8]}… · {self.failures}"
