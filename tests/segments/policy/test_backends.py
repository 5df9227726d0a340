"""Whatever is allowed stays inside what was granted, however the back end reads the path."""

import random
from functools import cache

import pytest

from segments.policy.engine import decide
from segments.policy.model import Policy, Segment, WebResource
from tests.segments.policy import backends, worlds
from tests.segments.policy.cast import ALICE, CLERKS, FINANCE, HOST, PUBLIC, context, get

PATHS = 5_000
SECRET = ("/finance", "/public/secret", "/public/x/y", "/a/b/c")


def policy(*, root: bool, case_insensitive: bool = False) -> Policy:
    """alice may enter all of the host but SECRET, or `/public` but what of SECRET lies in it."""
    openings = ("/", "/a") if root else ("/public", "/a/b")
    opened = [WebResource(f"o{path}", "public", HOST, path, case_insensitive=case_insensitive) for path in openings]
    closed = [WebResource(f"c{path}", "finance", HOST, path) for path in SECRET]
    return Policy(1, (PUBLIC, FINANCE, Segment("other")), (*opened, *closed), (CLERKS,))


@cache
def paths(seed: int) -> tuple[str, ...]:
    chance = random.Random(seed)
    starts = ("/public", "/public/x", "/a/b", "/finance", "", "/a")
    return tuple(chance.choice(starts) + tail(chance) for _ in range(PATHS))


def tail(chance: random.Random) -> str:
    pieces = (*worlds.PIECES, "/finance", "/secret", "/y", "%66inance", "secret", "..;/", "%2e%2e%2f", "..%5c", "%2523")
    return "".join(chance.choice(pieces) for _ in range(chance.randint(0, 6)))


def is_open(policy: Policy, path: str, *, folded: bool = False) -> bool:
    """Tell whether the longest prefix that covers a path as a back end reads it is one that was granted."""
    webs = [web for web in policy.resources if isinstance(web, WebResource)]
    prefixes = {(web.path.casefold() if folded else web.path): web.segment for web in webs}
    covering = [prefix for prefix in prefixes if prefix in ("/", path) or path.startswith(prefix + "/")]
    return bool(covering) and prefixes[max(covering, key=len)] == "public"


@cache
def allowed(*, root: bool, case_insensitive: bool = False) -> tuple[str, ...]:
    asked = policy(root=root, case_insensitive=case_insensitive)
    found = tuple(path for path in paths(1) if decide(asked, ALICE, get(path), context()).allowed)
    assert len(found) > PATHS / 50  # or the test proves nothing
    return found


@pytest.mark.parametrize("root", [False, True])
@pytest.mark.parametrize("backend", backends.SENSITIVE, ids=lambda backend: backend.__name__)
def test_no_back_end_reads_its_way_out(backend: backends.Backend, root: bool) -> None:
    asked = policy(root=root)
    assert [path for path in allowed(root=root) if not is_open(asked, backend(path.partition("?")[0]))] == []


@pytest.mark.parametrize("root", [False, True])
def test_no_case_blind_back_end_reads_its_way_out(root: bool) -> None:
    asked = policy(root=root, case_insensitive=True)
    read = {path: backends.case_blind(path.partition("?")[0]) for path in allowed(root=root, case_insensitive=True)}
    assert [path for path, reading in read.items() if not is_open(asked, reading, folded=True)] == []


@pytest.mark.parametrize("backend", backends.SENSITIVE, ids=lambda backend: backend.__name__)
def test_the_raw_path_alone_would_have_let_each_of_them_out(backend: backends.Backend) -> None:
    """The twin: without the other readings, all but the ones that read as we do are fooled."""
    one = policy(root=True)
    raw = [path.partition("?")[0] for path in paths(1)]
    fooled = [path for path in raw if is_open(one, path) and not is_open(one, backend(path))]
    assert bool(fooled) is (backend is not backends.as_sent)
