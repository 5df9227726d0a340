"""Templates as they are written: nothing inline, nothing from elsewhere, every word through gettext."""

import re
from pathlib import Path

import pytest
from django.template import Engine

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "templates"
NAMES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.html"))
INLINE = re.compile(r"""\sstyle\s*=|<style|\son[a-z]+\s*=|<script(?![^>]*\ssrc=)|javascript:""", re.IGNORECASE)
ELSEWHERE = re.compile(r"""(?:src|href|action)\s*=\s*["'](?:[a-z]+:)?//""", re.IGNORECASE)
NOT_TEXT = re.compile(
    r"\{% comment %\}.*?\{% endcomment %\}|\{% blocktranslate.*?\{% endblocktranslate %\}"
    r"|\{% block (?:width|bodyclass) %\}.*?\{% endblock %\}"  # names of classes
    r"|\{%.*?%\}|\{\{.*?\}\}|<!--.*?-->|<[^>]*>|&\w+;",
    re.DOTALL,
)
SAID = re.compile(r"""\s(?:aria-label|title|alt|placeholder|data-said)="(?=[^"{]*[A-Za-z])[^"{]+""")
NAMES_OF_OURS = {"ztproject"}


def source(name: str) -> str:
    return (FOLDER / name).read_text()


@pytest.mark.parametrize("name", NAMES)
def test_compiles(name: str) -> None:
    compiled = Engine.get_default().get_template(name)
    assert compiled.origin.name == str(FOLDER / name)  # and no other template hides it


@pytest.mark.parametrize("name", NAMES)
def test_holds_no_inline_script_or_style_and_nothing_from_elsewhere(name: str) -> None:
    assert INLINE.findall(source(name)) == []
    assert ELSEWHERE.findall(source(name)) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_word_goes_through_gettext(name: str) -> None:
    words = set(re.findall(r"[^\W\d_]{2,}", NOT_TEXT.sub(" ", source(name))))
    assert words - NAMES_OF_OURS == set()
    assert SAID.findall(source(name)) == []


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ('<p style="x">', True),
        ("<p class='style'>", False),
        ('<a onclick="x">', True),
        ('<a class="on">', False),
        ("<script>x</script>", True),
        ('<script type="module" src="x">', False),
        ('<a href="javascript:x">', True),
    ],
)
def test_inline_is_recognised(text: str, bad: bool) -> None:
    assert bool(INLINE.search(text)) is bad


@pytest.mark.parametrize("path", sorted((ROOT / "static").rglob("*.*")), ids=lambda path: path.name)
def test_static_files_take_nothing_from_elsewhere(path: Path) -> None:
    text = path.read_text().replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert re.findall(r"(?:https?:)?//[\w.-]+\.\w|@import|\beval\(", text) == []
