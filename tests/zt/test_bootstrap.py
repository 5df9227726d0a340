"""`./zt` as people start it: real processes in folders of their own, without network."""

import base64
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "db.sqlite3*", "staticfiles", "tests")
NOBODY = 65534
KEYS = ["ZT_FACTOR_KEYS", "ZT_RECOVERY_KEY", "ZT_LEDGER_KEY", "ZT_ASSERTION_KEYS"]
UNREACHABLE = "http://127.0.0.1:9/simple"  # the discard port: refused at once
WAY_OUT = "use a folder of its own for the demo, or follow docs/production.md"
DATABASE = f"zt: DATABASE_URL names a production database, which is never touched from here: {WAY_OUT}\n"
DEBUG = f"zt: DEBUG is switched off, so this is a production environment: {WAY_OUT}\n"
TLS = f"zt: ZT_TLS is on, so this is a production environment: {WAY_OUT}\n"


class Outcome(NamedTuple):
    code: int
    out: str
    error: str


def environment(folder: Path, **more: str) -> dict[str, str]:
    """What a fresh machine has: a path to look for Python, a home, and no variable of ours or of pip's."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "PIP_CONFIG_FILE": os.devnull} | more


def zt(
    folder: Path, *arguments: str, variables: dict[str, str] | None = None, user: int | None = None, **more: str
) -> Outcome:
    run = subprocess.run(
        [folder / "zt", *arguments],
        env=environment(folder, **(variables or {}), **more),
        user=user,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return Outcome(run.returncode, run.stdout, run.stderr)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """As much of a checkout as is read before packages are installed."""
    copy_bare(tmp_path)
    return tmp_path


def copy_bare(folder: Path) -> None:
    shutil.copy(CHECKOUT / "zt", folder)
    shutil.copytree(CHECKOUT / "deploy" / "requirements", folder / "deploy" / "requirements")


@pytest.fixture
def warm(tmp_path: Path) -> Path:
    """A whole checkout whose packages are installed: its `.venv` borrows those of this run."""
    folder = tmp_path / "checkout"
    shutil.copytree(CHECKOUT, folder, ignore=NOT_COPIED)
    venv.create(folder / ".venv", symlinks=True)
    packages = folder / ".venv" / "lib" / "python{}.{}".format(*sys.version_info) / "site-packages"
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    for name in ("run", "gateway"):
        lock = (CHECKOUT / "deploy" / "requirements" / f"{name}.txt").read_bytes()
        (folder / ".venv" / f"zt-{name}.sha256").write_text(hashlib.sha256(lock).hexdigest())
    return folder


@pytest.fixture
def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


def test_without_a_command_it_says_what_there_is(bare: Path) -> None:
    outcome = zt(bare)

    assert (outcome.code, outcome.out.splitlines()[0], outcome.error) == (
        2,
        "Usage: ./zt setup | demo | test | lint",
        "",
    )
    assert zt(bare, "--help") == Outcome(0, outcome.out, "")
    assert zt(bare, "demo", "now") == Outcome(2, outcome.out, "")


@pytest.mark.parametrize("command", ["setup", "demo"])
@pytest.mark.parametrize(
    ("variables", "env_file", "error"),
    [
        ({"DATABASE_URL": "postgres://zt@db.example.test/zt"}, None, DATABASE),
        ({}, "ZT_TLS=off\nDATABASE_URL=postgres://zt@db.example.test/zt\n", DATABASE),
        ({}, 'ZT_TLS=off\nexport DATABASE_URL="postgres://zt@db.example.test/zt"  # ours\n', DATABASE),
        ({"DEBUG": "False"}, None, DEBUG),
        ({}, "ZT_TLS=off\nDEBUG=0\n", DEBUG),
        ({"ZT_TLS": "on"}, None, TLS),
        ({}, "ALLOWED_HOSTS=portal.example.test\n", TLS),
    ],
)
def test_production_is_refused(
    bare: Path, command: str, variables: dict[str, str], env_file: str | None, error: str
) -> None:
    if env_file:
        (bare / ".env").write_text(env_file)

    assert zt(bare, command, variables=variables) == Outcome(1, "", error)
    assert not (bare / ".venv").exists()


@pytest.mark.parametrize(
    ("variables", "env_file"),
    [
        ({"DATABASE_URL": "sqlite:///demo.sqlite3"}, None),
        ({"DATABASE_URL": "sqlite:///demo.sqlite3"}, "ZT_TLS=off\nDATABASE_URL=postgres://zt@db.example.test/zt\n"),
        ({"DEBUG": "True"}, None),
        ({}, "ZT_TLS=off\n# DEBUG=False\n"),
        ({"ZT_TLS": "off"}, "ALLOWED_HOSTS=localhost\n"),
    ],
)
def test_what_is_no_production_is_not_refused(bare: Path, variables: dict[str, str], env_file: str | None) -> None:
    """It goes on to the next thing that may be wrong, here the port."""
    if env_file:
        (bare / ".env").write_text(env_file)

    assert zt(bare, "demo", PORT="eighty", variables=variables).error == (
        "zt: PORT is `eighty`: expected a number from 1 to 65535, as in `PORT=8010 ./zt demo`\n"
    )


@pytest.mark.parametrize("port", ["0", "65536", "-1", "", "８０００"])
def test_port_that_is_none_is_refused(bare: Path, port: str) -> None:
    error = f"zt: PORT is `{port}`: expected a number from 1 to 65535, as in `PORT=8010 ./zt demo`\n"

    assert zt(bare, "demo", PORT=port) == Outcome(1, "", error)


def test_host_of_another_machine_is_refused(bare: Path, free_port: int) -> None:
    error = (
        "zt: cannot listen on HOST `192.0.2.1` (Cannot assign requested address): "
        "expected an address of this machine, such as 127.0.0.1\n"
    )

    assert zt(bare, "demo", HOST="192.0.2.1", PORT=str(free_port)) == Outcome(1, "", error)


def test_busy_port_is_refused_before_anything_is_installed(bare: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        outcome = zt(bare, "demo", PORT=str(port))

    way_out = "stop what listens there, or choose another with `PORT=8010 ./zt demo`"
    assert outcome == Outcome(1, "", f"zt: port {port} on 127.0.0.1 is in use: {way_out}\n")
    assert not (bare / ".venv").exists()


@pytest.mark.parametrize("pythons", [[], ["python3"], ["python3", "python3.13"]])
def test_no_python_or_only_old_ones(bare: Path, pythons: list[str]) -> None:
    """A Python that is too old answers the question for its version with exit code 1, as these do."""
    folder = bare / "bin"
    folder.mkdir()
    for name in pythons:
        (folder / name).write_text("#!/bin/sh\nexit 1\n")
        (folder / name).chmod(0o755)
    error = (
        "zt: no Python 3.11 or later here: "
        "install one (as with `apt install python3 python3-venv`) and run this again\n"
    )

    assert zt(bare, "demo", PATH=str(folder)) == Outcome(1, "", error)


def test_a_newer_python_is_found_behind_an_old_one(bare: Path) -> None:
    folder = bare / "bin"
    folder.mkdir()
    (folder / "python3").write_text("#!/bin/sh\nexit 1\n")
    (folder / "python3").chmod(0o755)
    (folder / "python3.11").symlink_to(sys.executable)

    assert zt(bare, "--help", PATH=str(folder)).code == 0


def test_missing_ensurepip_names_the_package(bare: Path) -> None:
    (bare / "sitecustomize.py").write_text("import sys; sys.modules['ensurepip'] = None")
    version = "{}.{}".format(*sys.version_info)
    error = f"zt: this Python has no `ensurepip`: `apt install python{version}-venv`, then run this again\n"

    assert zt(bare, "setup", PATH=f"{Path(sys.executable).parent}:/bin", PYTHONPATH=str(bare)) == Outcome(1, "", error)
    assert not (bare / ".venv").exists()


@pytest.fixture
def read_only() -> Generator[Path]:
    """A folder in which the user of `unprivileged` may not write; not below `tmp_path`, where root alone may look."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_bare(folder)
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)


@pytest.fixture
def unprivileged() -> int | None:
    """Who is bound by the rights of files: this user, or, as this is root, nobody."""
    if os.geteuid() != 0:
        return None
    newest = "python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'"
    if subprocess.run(["/bin/sh", "-c", newest], env={"PATH": os.defpath}, user=NOBODY, check=False).returncode:
        pytest.skip("runs as root, and there is no Python 3.11 that another user may start")
    return NOBODY


@pytest.mark.parametrize("command", ["setup", "demo", "test"])
def test_read_only_folder_is_refused(read_only: Path, unprivileged: int | None, free_port: int, command: str) -> None:
    path = os.environ["PATH"] if unprivileged is None else os.defpath
    outcome = zt(read_only, command, user=unprivileged, PATH=path, PORT=str(free_port))

    error = f"zt: cannot write to {read_only} (Permission denied): make it writable, or clone to a folder of your own\n"
    assert outcome == Outcome(1, "", error)


@pytest.mark.slow
def test_no_network_is_one_line_and_the_next_run_goes_on(bare: Path) -> None:
    lines = r"zt: making \.venv with Python 3\.\d+\nzt: installing deploy/requirements/run\.txt, once\n"
    first = zt(bare, "setup", PIP_INDEX_URL=UNREACHABLE)
    second = zt(bare, "setup", PIP_NO_INDEX="1")

    assert first.code == 1
    assert re.fullmatch(lines, first.out)
    assert re.fullmatch(
        r"zt: cannot install packages: "
        r"Could not find a version that satisfies the requirement \S+ \(from versions: none\); "
        r"check the network and the disk, or name a mirror with PIP_INDEX_URL or PIP_FIND_LINKS, and run this again\n",
        first.error,
    )
    assert second == Outcome(1, "zt: installing deploy/requirements/run.txt, once\n", first.error)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_set_up_leaves_no_process(bare: Path, how: signal.Signals) -> None:
    """The index here takes the connection and says nothing, so that pip waits; the signal reaches `zt` alone."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        silent.settimeout(60)
        process = start(bare, "setup", PIP_INDEX_URL=f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        connection, _ = silent.accept()
        process.send_signal(how)
        _, error = process.communicate(timeout=20)
        connection.close()

    assert (process.returncode, error) == (1, "zt: stopped before the end; run it again to go on\n")
    assert_ended(process)


def start(folder: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [folder / "zt", *arguments],
        env=environment(folder, **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def assert_ended(process: subprocess.Popen[str]) -> None:
    """No process of its session is left."""
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


@pytest.mark.slow
def test_set_up_writes_keys_once_and_for_this_user_alone(warm: Path) -> None:
    first = zt(warm, "setup")
    written = (warm / ".env").read_text()
    second = zt(warm, "setup")

    ready = "zt: ready: `.venv/bin/python manage.py`, or `./zt demo`\n"
    assert first == Outcome(0, f"zt: wrote .env with new keys\n{ready}", "")
    assert second == Outcome(0, ready, "")
    assert (warm / ".env").read_text() == written
    assert [stat.S_IMODE((warm / name).stat().st_mode) for name in [".env", "db.sqlite3"]] == [0o600, 0o600]
    values = dict(line.split("=", 1) for line in written.splitlines())
    secret = values.pop("SECRET_KEY")
    keys = [base64.b64decode(values.pop(name)) for name in KEYS]
    assert (len(secret) >= 50, [len(key) for key in keys], len(set(keys))) == (True, [32] * 4, 4)
    assert values == {"ZT_TLS": "off", "ALLOWED_HOSTS": "localhost,127.0.0.1"}


@pytest.mark.slow
def test_demo_serves_until_it_is_stopped_and_a_second_one_changes_nothing(warm: Path, ports: dict[str, int]) -> None:
    first = served_and_stopped(warm, ports, signal.SIGINT)
    before = state(warm)
    second = served_and_stopped(warm, ports, signal.SIGTERM)

    assert (first, second) == (SERVED, SERVED)
    assert state(warm) == before


SERVED = (b'{"status": "alive"}', b'{"status": "alive"}', ("sign_in_required", 401))


@pytest.fixture
def ports() -> dict[str, int]:
    """A free port for each part of the demo."""
    names = ("PORT", "DECISION_PORT", "GATEWAY_PORT", "SAMPLE_PORT")
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in names]
    found = {name: int(server.getsockname()[1]) for name, server in zip(names, servers, strict=True)}
    for server in servers:
        server.close()
    return found


def served_and_stopped(
    folder: Path, ports: dict[str, int], how: signal.Signals
) -> tuple[bytes, bytes, tuple[str, int]]:
    """What portal, decision point and gateway of a demo answer; then it is stopped, and nothing of it is left."""
    process = start(folder, "demo", **{name: str(port) for name, port in ports.items()})
    portal = asked(f"http://127.0.0.1:{ports['PORT']}/livez", process)
    decision_point = asked(f"http://127.0.0.1:{ports['DECISION_PORT']}/livez", process)
    refused = refusal(f"http://127.0.0.1:{ports['GATEWAY_PORT']}/", process)
    process.send_signal(how)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 0, error
    assert f"Open http://localhost:{ports['PORT']} - Ctrl-C stops it.\n" in error
    assert_ended(process)
    assert [port for port in ports.values() if listens(port)] == []
    return portal, decision_point, refused


def refusal(url: str, process: subprocess.Popen[str]) -> tuple[str, int]:
    """The reason and the status of an application's refusal, as soon as the gateway has its routes."""
    request = urllib.request.Request(url, headers={"Host": "ledger.localhost"})
    while process.poll() is None:
        try:
            urllib.request.urlopen(request, timeout=5)
        except urllib.error.HTTPError as error:
            if error.code == 401:
                return json.load(error)["reason"], error.code
        except OSError:
            pass
        time.sleep(0.1)
    pytest.fail("".join(process.communicate()))


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def asked(url: str, process: subprocess.Popen[str]) -> bytes:
    """The answer, as soon as the process listens."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return bytes(response.read())
        except OSError:
            time.sleep(0.1)
    pytest.fail("".join(process.communicate()))


def state(folder: Path) -> tuple[str, list[tuple[str, str]], int]:
    """The keys, the people with their passwords, and how many entries the ledger has besides decisions."""
    with closing(sqlite3.connect(folder / "db.sqlite3")) as database:
        people = database.execute("select username, password from accounts_user order by username").fetchall()
        (entries,) = database.execute("select count(*) from audit_entry where kind <> 'decision'").fetchone()
    return (folder / ".env").read_text(), people, entries
