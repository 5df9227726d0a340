"""Who may import whom: the table of docs/request-walk.md, read from the source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("accounts", "audit", "segments", "ztproject")

# The first prefix that fits gives the level; a module may import its own level and those below.
LEVELS: tuple[tuple[str, int], ...] = (
    ("segments.policy", 0),
    ("segments.compilers", 0),
    ("segments.gateway.relay", 1),
    ("segments.gateway.process", 1),
    ("segments.gateway.running", 3),
    ("segments.gateway", 0),
    ("audit.management", 5),
    ("audit.admin", 5),
    ("audit", 1),
    ("accounts.management", 5),
    ("accounts.admin", 5),
    ("accounts.views", 5),
    ("accounts.urls", 5),
    ("accounts.apps", 5),
    ("accounts.forms", 4),
    ("accounts.signin", 3),
    ("accounts.applications", 3),
    ("accounts.factors", 3),
    ("accounts.standing", 3),
    ("accounts.tokens", 3),
    ("accounts.confirmation", 4),
    ("accounts.readable", 4),
    ("accounts.roles", 2),
    ("accounts.receivers", 3),
    ("accounts.sessions", 2),
    ("accounts", 1),
    ("segments.management", 5),
    ("segments.admin", 5),
    ("segments.views", 5),
    ("segments.urls", 5),
    ("segments.apps", 5),
    ("segments.form_fields", 4),
    ("segments.forms", 4),
    ("segments.portal", 4),
    ("segments.enforcement", 4),
    ("segments.administrator", 3),
    ("segments.assertion_keys", 3),
    ("segments.policyfile", 3),
    ("segments.guardrails", 3),
    ("segments.lint", 3),
    ("segments.receivers", 3),
    ("segments.readable", 4),
    ("segments.safeguards", 3),
    ("segments.snapshot", 2),
    ("segments.access", 1),
    ("segments", 1),
    ("ztproject", 5),
)
OUTSIDE_OF_PURE = {"django", "logging", "os", "io", "pathlib", "socket", "accounts", "audit", "ztproject", "environ"}


def modules() -> Iterator[tuple[str, Path]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if "migrations" not in parts:
                yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imported(path: Path) -> Iterator[tuple[ast.stmt, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)


def level(module: str) -> int:
    return next(found for prefix, found in LEVELS if module == prefix or module.startswith(prefix + "."))


def is_ours(module: str) -> bool:
    return module.partition(".")[0] in ROOMS


MODULES = dict(modules())


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_downwards(module: str) -> None:
    upwards = [
        found
        for _, found in imported(MODULES[module])
        if is_ours(found) and level(found) > level(module) and not _in_ready(MODULES[module])
    ]
    assert upwards == []


def _in_ready(path: Path) -> bool:
    return path.name == "apps.py"


@pytest.mark.parametrize("module", MODULES)
def test_accounts_and_audit_know_nothing_of_segments(module: str) -> None:
    closed = {"accounts": {"segments"}, "audit": {"segments", "accounts"}}.get(module.partition(".")[0], set())
    assert [found for _, found in imported(MODULES[module]) if found.partition(".")[0] in closed] == []


@pytest.mark.parametrize("module", [name for name in MODULES if level(name) == 0])
def test_pure_packages_use_the_standard_library_only(module: str) -> None:
    roots = {found.partition(".")[0] for _, found in imported(MODULES[module])}
    assert roots & OUTSIDE_OF_PURE == set()
    assert [found for _, found in imported(MODULES[module]) if is_ours(found) and level(found) > 0] == []


@pytest.mark.parametrize("module", MODULES)
def test_underscore_names_stay_at_home(module: str) -> None:
    borrowed = [
        found for _, found in imported(MODULES[module]) if is_ours(found) and found.rpartition(".")[2].startswith("_")
    ]
    assert borrowed == []


@pytest.mark.parametrize("module", MODULES)
def test_imports_stand_at_the_top(module: str) -> None:
    """Only `AppConfig.ready()` and lines that say why may import inside a function."""
    lines = MODULES[module].read_text().splitlines()
    inside = [
        lines[node.lineno - 1].strip()
        for node in ast.walk(ast.parse(MODULES[module].read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.walk(node)
        if isinstance(child, ast.Import | ast.ImportFrom) and "#" not in lines[child.lineno - 1]
    ]
    assert inside == []


def test_no_drawers() -> None:
    drawers = {"utils", "helpers", "common", "services", "misc"}
    assert [name for name in MODULES if set(name.split(".")) & drawers] == []
