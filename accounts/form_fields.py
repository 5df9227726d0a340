"""Lists as people write them: one item a line."""

from ipaddress import ip_network
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy

from accounts.networks import network_problem


class LinesField(forms.CharField):
    """A list of texts, one a line; commas part them too. What is wrong is said, and what was typed stays."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.Textarea(attrs={"rows": 2, "cols": 40, "spellcheck": "false", "autocapitalize": "none"})
        options: dict[str, Any] = {"required": False, "widget": widget}
        super().__init__(**(options | kwargs))

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        items = [item.strip() for line in (value or "").splitlines() for item in line.split(",")]
        return self.checked([item for item in items if item])

    def checked(self, items: list[str]) -> Any:
        return items

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Empty is empty, however it is stored."""
        try:
            return bool((initial or None) != (self.to_python(data) or None))
        except ValidationError:
            return True


class NetworksField(LinesField):
    """CIDRs without host bits, in their shortest form."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            **({"help_text": gettext_lazy("One a line, such as 10.0.0.0/8. Empty: from everywhere.")} | kwargs)
        )

    def checked(self, items: list[str]) -> list[str]:
        problems = [problem for item in items if (problem := network_problem(item))]
        if problems:
            raise ValidationError(problems)
        return list(dict.fromkeys(str(ip_network(item)) for item in items))
