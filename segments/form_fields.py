"""What segments and grants are made of, as staff fill it in. What is wrong is said, and what was typed stays."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import yaml
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.form_fields import LinesField
from segments import validation
from segments.notation import duration, duration_text
from segments.policyfile import PolicyFileError
from segments.policyfile.reading import in_order, typed_question

DAYS: Final = tuple(
    zip(validation.DAYS, map(gettext_lazy, ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")), strict=True)
)
ACTIONS: Final = (("read", gettext_lazy("read")), ("write", gettext_lazy("write")))

Widgets = dict[str, forms.Widget | type[forms.Widget]]


class MethodsField(LinesField):
    """HTTP methods, parted by commas or lines. Empty is None: every method."""

    widget = forms.TextInput

    def __init__(self, **kwargs: Any) -> None:
        hint = gettext_lazy("Such as GET, HEAD. Empty: every method.")
        super().__init__(**({"widget": forms.TextInput(attrs={"class": "vTextField"}), "help_text": hint} | kwargs))

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def checked(self, items: list[str]) -> list[str] | None:
        methods = list(dict.fromkeys(item.upper() for item in items)) or None
        validation.validate_methods(methods)
        return methods


class PortsField(LinesField):
    def __init__(self, **kwargs: Any) -> None:
        hint = gettext_lazy("One a line: tcp/5432 or udp/4000-4010.")
        super().__init__(**({"required": True, "help_text": hint} | kwargs))

    def checked(self, items: list[str]) -> list[str]:
        ports = list(dict.fromkeys(item.lower() for item in items))
        if ports:  # that there is none is said by the field being required
            validation.validate_ports(ports)
        return ports


class LabelsField(LinesField):
    """Labels of a workload, `app=db` a line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**({"help_text": gettext_lazy("One a line, such as app=db.")} | kwargs))

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(f"{name}={text}" for name, text in value.items()) if isinstance(value, dict) else value

    def checked(self, items: list[str]) -> dict[str, str]:
        labels: dict[str, str] = {}
        for item in items:
            name, sign, text = (part.strip() for part in item.partition("="))
            if not sign or not name or not text:
                raise ValidationError(_("“%(value)s” is not a label: write it as app=db.") % {"value": item})
            if name in labels:
                raise ValidationError(_("The label “%(value)s” is there twice.") % {"value": name})
            labels[name] = text
        return labels


class PartsWidget(forms.MultiWidget):
    """Several inputs for one value, each with its own label."""

    template_name = "admin/segments/parts.html"

    def __init__(self, widgets: Widgets, labels: Sequence[Any]) -> None:
        super().__init__(widgets)
        self.labels = labels

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        for subwidget, label in zip(context["widget"]["subwidgets"], self.labels, strict=True):
            subwidget["part_label"] = label
        return context


class HoursWidget(PartsWidget):
    use_fieldset = True

    def __init__(self) -> None:
        clock = {"size": 5, "placeholder": "07:00", "class": "vTimeField-plain"}
        widgets: Widgets = {
            "days": forms.CheckboxSelectMultiple(choices=DAYS),
            "from": forms.TextInput(attrs=clock),
            "to": forms.TextInput(attrs=clock | {"placeholder": "19:00"}),
            "tz": forms.TextInput(attrs={"size": 20, "placeholder": "Europe/Berlin"}),
        }
        labels = (gettext_lazy("days"), gettext_lazy("from"), gettext_lazy("to"), gettext_lazy("time zone"))
        super().__init__(widgets, labels)

    def decompress(self, value: Any) -> list[Any]:
        return (
            [value.get(name) for name in ("days", "from", "to", "tz")] if isinstance(value, dict) else [[], "", "", ""]
        )


class HoursField(forms.MultiValueField):
    """Days, from, to and time zone. All empty: at any hour."""

    widget = HoursWidget

    def __init__(self, **kwargs: Any) -> None:
        fields = (forms.MultipleChoiceField(choices=DAYS), forms.CharField(), forms.CharField(), forms.CharField())
        hint = gettext_lazy("All empty: at any hour. The end is not included; 24:00 is the end of the day.")
        options: dict[str, Any] = {"required": False, "require_all_fields": False, "help_text": hint}
        super().__init__(fields, **(options | kwargs))

    def clean(self, value: Any) -> dict[str, Any] | None:
        days, *texts = value if isinstance(value, list) else [[], "", "", ""]
        start, end, zone = (str(text or "").strip() for text in texts)
        if not days and not start and not end and not zone:
            return None
        hours = {"days": sorted(days or [], key=_place), "from": _clock(start), "to": _clock(end), "tz": zone}
        validation.validate_hours(hours)
        return hours

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.clean(data) != (initial or None))
        except ValidationError:
            return True


class ActionsWidget(PartsWidget):
    use_fieldset = True

    def __init__(self) -> None:
        widgets: Widgets = {
            "known": forms.CheckboxSelectMultiple(choices=ACTIONS),
            "own": forms.TextInput(attrs={"size": 24, "placeholder": "approve, export"}),
        }
        super().__init__(widgets, ("", gettext_lazy("and of your own")))

    def decompress(self, value: Any) -> list[Any]:
        """Not called: a stored value is a list, and so would be taken for the inputs'. The field parts it."""
        return [[], ""]


class ActionsField(forms.MultiValueField):
    """`read`, `write`, and names of one's own."""

    widget = ActionsWidget

    def __init__(self, **kwargs: Any) -> None:
        fields = (forms.MultipleChoiceField(choices=ACTIONS), forms.CharField())
        hint = gettext_lazy("Reading is GET, HEAD and OPTIONS, writing every other method.")
        options: dict[str, Any] = {"required": False, "require_all_fields": False, "help_text": hint}
        super().__init__(fields, **(options | kwargs))

    def prepare_value(self, value: Any) -> Any:
        """What is stored, as the two inputs show it; what was typed stays."""
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            return value
        known = [name for name, _label in ACTIONS]
        return [[name for name in value if name in known], ", ".join(name for name in value if name not in known)]

    def clean(self, value: Any) -> list[str]:
        known, own = value if isinstance(value, list) else ([], "")
        items = [*(known or []), *(item.strip() for item in str(own or "").split(","))]
        actions = list(dict.fromkeys(item for item in items if item))
        validation.validate_actions(actions)
        return actions

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.clean(data) != (initial or []))
        except ValidationError:
            return True


class DurationField(forms.Field):
    """A length of time as the policy file writes it: 15m, 1h30m."""

    def __init__(self, **kwargs: Any) -> None:
        options: dict[str, Any] = {
            "required": False,
            "help_text": gettext_lazy("Such as 15m or 1h30m."),
        }
        super().__init__(**(options | kwargs))

    def prepare_value(self, value: Any) -> Any:
        return duration_text(value) if isinstance(value, timedelta) else value

    def to_python(self, value: Any) -> Any:
        text = str(value or "").replace(" ", "")
        try:
            return duration(text) if text else None
        except ValueError:
            raise ValidationError(
                _("“%(value)s” is not a length of time: write it as 15m.") % {"value": value}
            ) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(data) != initial)
        except ValidationError:
            return True


class QuestionField(forms.Field):
    """The question of a guardrail, with the keys that the policy file has for it, one a line."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.Textarea(attrs={"rows": 8, "cols": 60, "spellcheck": "false", "class": "mono"})
        options: dict[str, Any] = {"widget": widget}
        super().__init__(**(options | kwargs))

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return yaml.safe_dump(in_order(value), allow_unicode=True, sort_keys=False)

    def to_python(self, value: Any) -> Any:
        text = str(value or "")
        if not text.strip():
            return None
        try:
            return typed_question(text)
        except PolicyFileError as error:
            words = _("Line %(line)d: %(why)s.")
            problems = [words % {"line": found.place.line, "why": found.message} for found in error.problems]
            raise ValidationError(problems) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(data) != initial)
        except ValidationError:
            return True


def _place(day: str) -> int:
    return validation.DAYS.index(day) if day in validation.DAYS else len(validation.DAYS)


def _clock(text: str) -> str:
    """`7:00` as `07:00`, which is how it is stored."""
    return f"0{text}" if len(text) == 4 and text[1:2] == ":" else text
