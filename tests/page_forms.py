"""Forms as a browser would send them: what the page holds, with some of it changed."""

from html.parser import HTMLParser
from typing import Any

from django.test import Client


class PageForm(HTMLParser):
    """The fields of the form with this id, as the page shows them. `data` maps names to values, or lists of values."""

    def __init__(self, page: str, form_id: str) -> None:
        super().__init__()
        self.form_id = form_id
        self.inside = False
        self.select: str | None = None
        self.textarea: str | None = None
        self.buttons: list[str] = []
        self.data: dict[str, Any] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form":
            self.inside = found.get("id") == self.form_id
        if not self.inside or "disabled" in found:
            return
        name = found.get("name") or ""
        if tag == "input":
            self._input(name, found)
        elif tag == "select":
            self.select = name
            self.data.setdefault(name, []) if "multiple" in found else None
        elif tag == "option" and self.select and "selected" in found:
            self._add(self.select, found.get("value") or "")
        elif tag == "textarea":
            self.textarea = name
            self.data[name] = ""

    def _input(self, name: str, found: dict[str, str | None]) -> None:
        kind = found.get("type", "text")
        if kind == "submit":
            self.buttons.append(name)
        elif kind in {"checkbox", "radio"}:
            if "checked" in found:
                self._add(name, found.get("value") or "on")
        elif name:
            self.data[name] = found.get("value") or ""

    def _add(self, name: str, value: str) -> None:
        if name in self.data:
            before = self.data[name]
            self.data[name] = [*(before if isinstance(before, list) else [before]), value]
        else:
            self.data[name] = value

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        elif tag == "select":
            self.select = None
        elif tag == "textarea":
            self.textarea = None

    def handle_data(self, data: str) -> None:
        if self.textarea:
            self.data[self.textarea] += data.removeprefix("\n") if not self.data[self.textarea] else data


def open_form(client: Client, path: str, model: str) -> dict[str, Any]:
    """What the admin's page at `path` would send if nobody changed anything."""
    answer = client.get(path)
    assert answer.status_code == 200, (answer.status_code, path, answer.headers.get("Location"))
    form = PageForm(answer.content.decode(), f"{model}_form")
    assert form.data, f"{path} has no form"
    return form.data


def save(client: Client, path: str, model: str, **changes: Any) -> Any:
    """Open the page, change some of it, save. `__` in a name stands for the `-` of form sets; None drops a field."""
    data = open_form(client, path, model)
    for name, value in changes.items():
        data[name.replace("__", "-")] = value
    return client.post(path, {name: value for name, value in data.items() if value is not None})


def add_row(data: dict[str, Any], prefix: str, **values: Any) -> dict[str, Any]:
    """The data with one more row in a form set: what “Add another” does."""
    number = int(data[f"{prefix}-TOTAL_FORMS"])
    row = {name: value for name, value in data.items() if name.startswith(f"{prefix}-__prefix__-")}
    filled = {name.replace("__prefix__", str(number)): value for name, value in row.items()}
    filled |= {f"{prefix}-{number}-{name}": value for name, value in values.items()}
    return data | filled | {f"{prefix}-TOTAL_FORMS": str(number + 1)}


def errors(answer: Any) -> list[str]:
    """Every error on an admin page that came back: of the form and of its parts."""
    assert answer.status_code == 200, (answer.status_code, answer.headers.get("Location"))
    found = [str(text) for text in answer.context["errors"]]
    return [text for entry in found for text in plain(entry)]


def plain(markup: str) -> list[str]:
    """The texts in a list of errors."""
    texts = _Texts()
    texts.feed(markup)
    return [text for text in map(str.strip, texts.found) if text]


class _Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)
