"""Readers of single values: text, truth, networks, hours, moments. Each says what was found and what is accepted."""

from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_address
from typing import Any, Final

from django.core.exceptions import ValidationError

from accounts.models import UserManager
from accounts.names import is_username, normalise_username
from segments import notation, validation
from segments.policy.questions import web_target
from segments.policyfile.entries import Entry, Key, Problems, Read, Shape, entry, found, refuse
from segments.policyfile.nodes import Mapping, Node, Scalar, Sequence
from segments.policyfile.problems import Problem


def text(node: Node, problems: Problems) -> str | None:
    if isinstance(node, Scalar) and node.kind == "str":
        return node.text
    hint = ": write it in quotes" if isinstance(node, Scalar) and node.kind != "null" else ""
    return refuse(node, problems, f"expected text, found {found(node)}{hint}")


def truth(node: Node, problems: Problems) -> bool | None:
    if isinstance(node, Scalar) and node.kind == "bool":
        return node.text.lower() in {"true", "yes", "on"}
    return refuse(node, problems, f"expected true or false, found {found(node)}")


def only_true(node: Node, problems: Problems) -> bool | None:
    if truth(node, []):
        return True
    return refuse(node, problems, f"expected true, found {found(node)}: write true, or leave the key out")


def choice(*accepted: str) -> Read:
    def read(node: Node, problems: Problems) -> str | None:
        if isinstance(node, Scalar) and node.text in accepted:
            return node.text
        return refuse(node, problems, f"expected {' or '.join(accepted)}, found {found(node)}")

    return read


def written(read_text: Callable[[str], Any]) -> Read:
    """A value with a written form of its own, whatever YAML takes it for: to it, `19:00` is a number."""

    def read(node: Node, problems: Problems) -> Any:
        if not isinstance(node, Scalar) or node.kind in {"null", "bool"}:
            return refuse(node, problems, f"expected text, found {found(node)}")
        try:
            return read_text(node.text)
        except ValidationError as error:
            return refuse(node, problems, " ".join(error.messages))
        except ValueError as error:
            return refuse(node, problems, str(error))

    return read


def checked(validate: Callable[[Any], None]) -> Read:
    """One item of a list that `validate` knows as a whole."""

    def read_text(item: str) -> str:
        validate([item])
        return item

    def read(node: Node, problems: Problems) -> Any:
        if isinstance(node, Scalar) and node.kind == "str":
            return written(read_text)(node, problems)
        return text(node, problems)

    return read


def list_of(item: Read, *, ordered: bool = True, filled: bool = False) -> Read:
    """A list; one whose order means nothing is sorted. `filled` lists have at least one item, and each once."""

    def read(node: Node, problems: Problems) -> list[Any] | None:
        if not isinstance(node, Sequence):
            return refuse(node, problems, f"expected a list, found {found(node)}")
        before = len(problems)
        items = [item(each, problems) for each in node.items]
        if len(problems) > before:
            return [each for each in items if each is not None]
        if filled and (not items or len(set(items)) != len(items)):
            return refuse(node, problems, "name at least one, and each once")
        return items if ordered else sorted(set(items))

    return read


def _email(written_as: str) -> str:
    return UserManager.normalize_email(written_as)


def _username(written_as: str) -> str:
    normal = normalise_username(written_as)
    if normal != written_as and is_username(normal):
        raise ValueError(f"username `{written_as}` is kept as `{normal}`: write it that way")
    return written_as


def _address(written_as: str) -> str:
    try:
        return str(ip_address(written_as))
    except ValueError:
        raise ValueError(f"`{written_as}` is not an IP address: write it as 10.1.2.3 or 2001:db8::1") from None


def _duration(written_as: str) -> timedelta:
    length = notation.duration(written_as)
    if length <= timedelta():
        raise ValueError(f"`{written_as}` is no time at all: give a longer one, or leave it out")
    return length


def _url(written_as: str) -> str:
    web_target(written_as, "GET")
    return written_as


def _method(written_as: str) -> str:
    validation.validate_methods([written_as])
    return written_as


def _upstream(written_as: str) -> str:
    if written_as:
        validation.validate_upstream(written_as)
    return written_as


def _question_time(written_as: str) -> str:
    return notation.moment_text(notation.moment(written_as))


def _question_age(written_as: str) -> str:
    return notation.duration_text(notation.duration(written_as))


upstream: Final = written(_upstream)
email: Final = written(_email)
username: Final = written(_username)
moment: Final = written(notation.moment)
duration: Final = written(_duration)
host: Final = written(validation.application_host)
clock: Final = written(str)
# In the question of a guardrail, values stay text: they are stored as they are written.
address: Final = written(_address)
url: Final = written(_url)
method: Final = written(_method)
question_time: Final = written(_question_time)
question_age: Final = written(_question_age)

networks: Final = list_of(checked(validation.validate_networks))
actions: Final = list_of(checked(validation.validate_actions), ordered=False, filled=True)
methods: Final = list_of(checked(validation.validate_methods), ordered=False, filled=True)
ports: Final = list_of(checked(validation.validate_ports), filled=True)
names: Final = list_of(username, ordered=False)

_HOURS: Final[Shape] = {
    "days": Key(list_of(choice(*validation.DAYS), filled=True), required=True),
    "from": Key(clock, required=True),
    "to": Key(clock, required=True),
    "tz": Key(text, required=True),
}
_hours_keys: Final = entry(_HOURS)


def hours(node: Node, problems: Problems) -> dict[str, Any] | None:
    """Hours as they are stored, days in the order of the week."""
    before = len(problems)
    made: Entry | None = _hours_keys(node, problems)
    if made is None or len(problems) > before:
        return None
    stored = made.values | {"days": sorted(made["days"], key=validation.DAYS.index)}
    try:
        validation.validate_hours(stored)
    except ValidationError as error:
        return refuse(node, problems, " ".join(error.messages))
    return stored


def labels(node: Node, problems: Problems) -> dict[str, str] | None:
    if not isinstance(node, Mapping):
        return refuse(node, problems, f"expected keys and values, found {found(node)}")
    read = {key: text(value, problems) for key, value in node.values.items()}
    made = {key: value for key, value in sorted(read.items()) if value is not None}
    try:
        validation.validate_labels(made)
    except ValidationError as error:
        problems.append(Problem(node.place, " ".join(error.messages)))
    return made
