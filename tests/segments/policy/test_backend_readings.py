"""Hostile paths by the thousand: what is allowed lies, as every back end reads it, in what was granted.

5,000 paths in a normal run; `BACKEND_PATHS=500000 pytest tests/segments/policy/test_backend_readings.py` takes minutes.
Each path is a walk from one place to another, written down in a hostile way: names, dots and slashes are each encoded,
doubled, folded or dressed up at random.
"""

import os
import random
from collections.abc import Iterator

import pytest

from segments.policy.engine import decide
from segments.policy.model import Policy, Segment, WebResource
from tests.segments.policy import backends
from tests.segments.policy.cast import ALICE, CLERKS, FINANCE, HOST, PUBLIC, context, get

PATHS = int(os.environ.get("BACKEND_PATHS", "5000"))
OPENED = ("/public", "/public/secret/poster", "/a/b")
CLOSED = ("/public/secret", "/finance", "/a/b/c")
WALKS = (
    "/public/x", "/public/secret/s", "/public/secret/poster/p", "/finance/s", "/a/b/x", "/a/b/c/x", "/a/x",
    "/public/../finance/s", "/public/x/../secret/s", "/public/x/../../finance/s", "/a/b/x/../c/x", "/a/b/../../finance",
    "/public/./secret/s", "/x/../public/secret", "/public/secret/poster/../s", "/public/x/../y", "/a/b/./../b/d",
)  # fmt: skip
SLASHES = (
    "//", "/./", "\\", "%2f", "%2F", "%5c", "%252f", "%255C", "/%2e/", ";a=b/", "/;/", "%3b/", "%ef%bc%8f", "/.;/",
)  # fmt: skip
DOTS = ("%2e", "%2E", "%252e", "%25%32%65", "%ef%bc%8e")
ENDINGS = (
    "/", "?/../public", "%3f/../x", "%23", ";x", "/.", "/..", "%20", ".", "%00", "%20.", "::$DATA", "%c0%af", "/;", "~",
)  # fmt: skip
STEPS_UP = ("..;", "..;a=b", "..%20", "...", "..%3b", ".%2e")


class Writer:
    """Writes a walk down so that it looks like something else. A walk is left plain more often than not."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def paths(self, count: int) -> Iterator[str]:
        for _ in range(count):
            yield self._written(self.chance.choice(WALKS), self.chance.choice((0.02, 0.1, 0.3)))

    def _written(self, walk: str, hostility: float) -> str:
        names = walk.split("/")[1:]
        text = "".join(self._slash(hostility) + self._name(name, hostility) for name in names)
        return text + (self.chance.choice(ENDINGS) if self._happens(hostility * 3) else "")

    def _happens(self, likelihood: float) -> bool:
        return self.chance.random() < likelihood

    def _slash(self, hostility: float) -> str:
        return self.chance.choice(SLASHES) if self._happens(hostility) else "/"

    def _name(self, name: str, hostility: float) -> str:
        if name == ".." and self._happens(hostility):
            return self.chance.choice(STEPS_UP)
        written = "".join(self._character(character, hostility) for character in name)
        return written + self.chance.choice((".", "%20", ";v=1", "%2e")) if self._happens(hostility / 4) else written

    def _character(self, character: str, hostility: float) -> str:
        if not self._happens(hostility):
            return character
        if character == ".":
            return self.chance.choice(DOTS)
        code = f"{ord(character):02x}"
        full_width = "".join(f"%{byte:02x}" for byte in chr(ord(character) + 0xFEE0).encode())
        return self.chance.choice((f"%{code}", f"%25{code}", f"%2525{code}", character.upper(), full_width))


def policy(*, root: bool, case_insensitive: bool) -> Policy:
    """alice may enter OPENED, or all of the host, but nothing of CLOSED that no opening lies in."""
    openings = ("/", *OPENED) if root else OPENED
    opened = [WebResource(f"o{path}", "public", HOST, path, case_insensitive=case_insensitive) for path in openings]
    closed = [WebResource(f"c{path}", "finance", HOST, path) for path in CLOSED]
    return Policy(1, (PUBLIC, FINANCE, Segment("other")), (*opened, *closed), (CLERKS,))


def is_granted(prefixes: dict[str, str], path: str) -> bool:
    """Tell whether the longest prefix that covers a path as a back end reads it is one that was granted."""
    covering = [prefix for prefix in prefixes if prefix in ("/", path) or path.startswith(prefix + "/")]
    return bool(covering) and prefixes[max(covering, key=len)] == "public"


def case_blind(reader: backends.Backend) -> backends.Backend:
    """The same reader before files whose names differ by more than case."""

    def read(path: str) -> str:
        return reader(path).casefold()

    read.__name__ = f"{reader.__name__}, case-blind"
    return read


def ways_out(asked: Policy, readers: tuple[backends.Backend, ...]) -> list[tuple[str, str, str]]:
    """Every allowed path that some back end reads as one that was not granted."""
    prefixes = {web.path: web.segment for web in asked.resources if isinstance(web, WebResource)}
    paths = Writer(seed=2026).paths(PATHS // 4)
    allowed = [path for path in paths if decide(asked, ALICE, get(path), context()).allowed]
    assert len(allowed) > PATHS / 80  # or the test proves nothing
    read = ((path, reader.__name__, reader(path.partition("?")[0])) for path in allowed for reader in readers)
    return [(path, reader, reading) for path, reader, reading in read if not is_granted(prefixes, reading)]


@pytest.mark.parametrize("root", [False, True], ids=["only-what-is-named", "all-but-what-is-closed"])
@pytest.mark.parametrize(
    ("case_insensitive", "readers"),
    [
        (False, backends.SENSITIVE),
        (True, (*map(case_blind, backends.SENSITIVE), *backends.CASE_BLIND)),
    ],
    ids=["case-matters", "case-does-not-matter"],
)
def test_what_is_allowed_is_granted_to_every_reader(
    root: bool, case_insensitive: bool, readers: tuple[backends.Backend, ...]
) -> None:
    assert ways_out(policy(root=root, case_insensitive=case_insensitive), readers)[:10] == []


@pytest.mark.parametrize("reader", [*backends.SENSITIVE, *backends.CASE_BLIND], ids=lambda reader: reader.__name__)
def test_each_reader_would_be_led_out_by_some_path_as_it_was_sent(reader: backends.Backend) -> None:
    """The twin: with one reading alone, the generator's paths lead out of what was granted."""
    prefixes = dict.fromkeys(("/", *OPENED), "public") | dict.fromkeys(CLOSED, "finance")
    sent = [path.partition("?")[0] for path in Writer(seed=2026).paths(5_000)]
    led_out = [path for path in sent if is_granted(prefixes, path) and not is_granted(prefixes, reader(path))]
    assert bool(led_out) is (reader is not backends.as_sent)
