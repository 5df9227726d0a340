"""What people send. Each field exactly once: a second value is a second guess, or the one that another reader takes."""

import re
from typing import Any, Final

from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.authenticators import recovery
from accounts.names import MAX_LENGTH
from accounts.passwords import MOST

ASCII_SIX: Final = re.compile(r"\A[0-9]{6}\Z")


class SingleValueForm(forms.Form):
    """A form that refuses a field sent twice, and puts no colon after a label."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": ""} | kwargs)

    def clean(self) -> dict[str, Any]:
        if isinstance(self.data, QueryDict) and any(len(self.data.getlist(name)) > 1 for name in self.fields):
            raise ValidationError(_("A field was sent twice: reload the page and try again."), code="repeated")
        return super().clean() or {}


def _password_field(label: Any, autocomplete: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        strip=False,
        max_length=MOST,
        widget=forms.PasswordInput(attrs={"autocomplete": autocomplete}),
        error_messages={"max_length": gettext_lazy("A password has at most %(limit_value)d characters.")},
    )


class SignInForm(SingleValueForm):
    """Username and password. Over-long ones are refused before anything is normalised or hashed."""

    username = forms.CharField(
        label=gettext_lazy("Username"),
        max_length=MAX_LENGTH,
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}
        ),
    )
    password = _password_field(gettext_lazy("Password"), "current-password")


class OneTimeInput(forms.PasswordInput):
    """Text that is not shown again: a code that did not work is of no more use to anybody."""

    input_type = "text"
    template_name = "django/forms/widgets/text.html"


class CodeForm(SingleValueForm):
    """The six digits of an authenticator app, as shown: nothing is stripped, folded or converted."""

    code = forms.CharField(
        label=gettext_lazy("Six-digit code"),
        strip=False,
        validators=[RegexValidator(ASCII_SIX, gettext_lazy("A code is six digits: type them without spaces."))],
        widget=OneTimeInput(
            attrs={"class": "code", "inputmode": "numeric", "autocomplete": "one-time-code", "autofocus": True}
        ),
    )


class RecoveryForm(SingleValueForm):
    """One recovery code; case, spaces and hyphens do not matter."""

    code = forms.CharField(
        label=gettext_lazy("Recovery code"),
        max_length=recovery.LONGEST_TYPED,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false", "autofocus": True}
        ),
        help_text=gettext_lazy("24 letters and digits in groups of four, such as ABCD-EFGH-…"),
    )


class DeviceNameForm(SingleValueForm):
    """What the owner calls a new authenticator app."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=64,
        required=False,
        help_text=gettext_lazy("To tell it from others, such as “work phone”."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class PasswordForm(SingleValueForm):
    """The current password and a new one. Once: a password manager or the eye checks it better than a repetition."""

    current = _password_field(gettext_lazy("Current password"), "current-password")
    new = _password_field(gettext_lazy("New password"), "new-password")

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["new"].help_text = " ".join(map(str, password_validators_help_texts()[:1]))

    def clean_new(self) -> str:
        new: str = self.cleaned_data["new"]
        validate_password(new, self.user)
        return new
