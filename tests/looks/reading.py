"""A page as a screen reader meets it: its headings, controls, names and references."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta"})
REFERENCES = ("for", "aria-labelledby", "aria-describedby", "data-copy")


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""
    inside: tuple[str, ...] = ()  # the tags around it

    def get(self, name: str) -> str:
        return self.attributes.get(name, "")


@dataclass
class Page(HTMLParser):
    """Every element in order, with the text inside it."""

    elements: list[Element] = field(default_factory=list)
    open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    @classmethod
    def read(cls, html: str) -> "Page":
        page = cls()
        page.feed(html)
        page.close()
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        element = Element(tag, attributes, inside=tuple(found.tag for found in self.open))
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data

    def all(self, *tags: str) -> list[Element]:
        return [element for element in self.elements if element.tag in tags]

    def ids(self) -> list[str]:
        return [element.get("id") for element in self.elements if element.get("id")]

    def nameless_controls(self) -> list[Element]:
        """Buttons, links and fields that a screen reader has no name for."""
        labelled = {label.get("for") for label in self.all("label") if label.text.strip()}
        texts = {element.get("id"): element.text for element in self.elements}
        return [
            element
            for element in self.all("a", "button", "input", "select", "textarea", "summary")
            if element.get("type") != "hidden"
            and not element.text.strip()
            and not element.get("aria-label")
            and not texts.get(element.get("aria-labelledby"))
            and element.get("id") not in labelled
            and "label" not in element.inside
            and not (element.get("type") == "submit" and element.get("value"))
        ]

    def broken_references(self) -> list[tuple[str, str]]:
        """References to ids that are not there, as (attribute, id)."""
        ids = set(self.ids())
        found = [
            (name, target) for element in self.elements for name in REFERENCES for target in element.get(name).split()
        ]
        found += [("href", link.get("href")[1:]) for link in self.all("a") if link.get("href").startswith("#")]
        return [(name, target) for name, target in found if target not in ids]
