"""`manage.py audit`, its words, its lines and its exit codes."""

import hmac
import json
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from audit import chain, ledger, triggers
from audit.models import Entry
from tests.audit.tampering import execute, undone, unprotected


def audit(*arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    out, err = StringIO(), StringIO()
    try:
        call_command("audit", *arguments, stdout=out, stderr=err, no_color=True)
    except SystemExit as stop:
        return int(stop.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


@pytest.mark.django_db
class TestVerify:
    def test_whole(self, five: list[Entry]) -> None:
        assert audit("verify") == (0, f"The ledger is whole: 5 entries, head {five[4].hash}.\n", "")

    def test_whole_with_one_entry(self) -> None:
        entry = ledger.record(kind="decision")
        assert audit("verify") == (0, f"The ledger is whole: 1 entry, head {entry.hash}.\n", "")

    @pytest.mark.usefixtures("five")
    @pytest.mark.parametrize(
        ("tampering", "words"),
        [
            (
                "UPDATE audit_entry SET subject = 'user:mallory' WHERE id = 3",
                " at entry 3 D-3: its content is not what was recorded. Whole up to there: 2 entries.",
            ),
            (
                "DELETE FROM audit_entry WHERE id = 5",
                " at entry 5: it is missing. Whole up to there: 4 entries.",
            ),
            (
                "DELETE FROM audit_head",
                ": the head of the ledger is missing. Whole up to there: 5 entries.",
            ),
            (
                "UPDATE audit_entry SET reference = 'D\n\x1b[2J' WHERE id = 1",
                r" at entry 1 D\n\x1b[2J: its content is not what was recorded. Whole up to there: 0 entries.",
            ),
        ],
    )
    def test_broken(self, tampering: str, words: str) -> None:
        with undone(), unprotected():
            execute(tampering)
            assert audit("verify") == (1, f"The ledger is broken{words}\n", "")
        assert audit("verify")[0] == 0

    def test_noted_head(self, five: list[Entry]) -> None:
        assert audit("verify", "--head", five[2].hash)[0] == 0
        fault = "no entry has the noted hash: the ledger was rewritten or cut off"
        words = f"The ledger is broken: {fault}. Whole up to there: 5 entries.\n"
        assert audit("verify", "--head", "0" * 63 + "1") == (1, words, "")

    def test_json_of_a_whole_ledger(self, five: list[Entry]) -> None:
        code, out, err = audit("verify", "--json")
        result = {
            "ok": True,
            "count": 5,
            "head": five[4].hash,
            "fault": None,
            "broken_id": None,
            "broken_reference": "",
        }
        assert (code, json.loads(out), err) == (0, result, "")

    def test_json_of_a_broken_ledger(self, five: list[Entry]) -> None:
        with undone(), unprotected():
            execute("DELETE FROM audit_entry WHERE id = 2")
            code, out, err = audit("verify", "--json")
        facts = {"count": 1, "head": five[0].hash, "fault": "missing", "broken_id": 2, "broken_reference": ""}
        assert (code, json.loads(out), err) == (1, {"ok": False} | facts, "")


DATA = r'{"allowed":false,"path":"/finance/\u00e9t\u00e9","reason":"no_grant"}'


@pytest.mark.django_db
class TestShow:
    @pytest.mark.usefixtures("five")
    def test_oldest_first_one_a_line(self) -> None:
        ledger.record(kind="sign_out", reference="E-6")
        fifth = f"2026-11-24T12:05:00.005005Z\t5\tdecision\tD-5\tuser:alice\tuser:bob-5\t{DATA}"
        sixth = f"{chain.timestamp(Entry.objects.get(id=6).at)}\t6\tsign_out\tE-6\t-\t-\t{{}}"
        assert audit("show", "--limit", "2") == (0, f"{fifth}\n{sixth}\n", "")

    @pytest.mark.usefixtures("five")
    @pytest.mark.parametrize(
        ("options", "shown"),
        [
            ([], ["D-1", "D-2", "D-3", "D-4", "D-5"]),
            (["--limit", "0"], ["D-1", "D-2", "D-3", "D-4", "D-5"]),
            (["--limit", "1"], ["D-5"]),
            (["--limit", "5"], ["D-1", "D-2", "D-3", "D-4", "D-5"]),
            (["--kind", "decision", "--limit", "2"], ["D-4", "D-5"]),
            (["--kind", "decisions"], []),
            (["--subject", "user:bob-2"], ["D-2"]),
            (["--subject", "user:bob"], []),
            (["--since", "2026-11-24T12:03:00.003003Z"], ["D-3", "D-4", "D-5"]),
            (["--since", "2026-11-24T13:03:00.003004+01:00"], ["D-4", "D-5"]),
            (["--since", "2026-11-24"], ["D-1", "D-2", "D-3", "D-4", "D-5"]),
            (["--since", "2026-11-25"], []),
        ],
    )
    def test_what_is_asked_for(self, options: list[str], shown: list[str]) -> None:
        code, out, err = audit("show", "--json", *options)
        assert (code, [json.loads(line)["reference"] for line in out.splitlines()], err) == (0, shown, "")

    def test_a_json_line_without_its_hash_is_what_the_hash_was_made_of(self) -> None:
        ledger.record(kind="decision", actor="é\u202e", subject="x\r\ny", data={"b": 1e22, "a": ["\0", None]})
        (line,) = audit("show", "--json")[1].splitlines()
        entry = json.loads(line)
        entry_hash = entry.pop("hash")
        text = json.dumps(entry, sort_keys=True, separators=(",", ":"))
        assert entry_hash == hmac.new(settings.ZT_LEDGER_KEY, text.encode(), "sha256").hexdigest()

    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            ("x\r\n2026-01-01 allow root /finance", r"x\r\n2026-01-01 allow root /finance"),
            ("\x1b[2J", r"\x1b[2J"),
            ("a\tb", r"a\tb"),
            ("</script><script>1</script>", "</script><script>1</script>"),
            ('{"decision":"allow"}', '{"decision":"allow"}'),
            ("/finance/été", "/finance/été"),
        ],
    )
    def test_text_from_outside_stays_inside_its_column(self, value: str, shown: str) -> None:
        ledger.record(kind="decision", actor=value, subject=value, data={"path": value})
        line = audit("show")[1].removesuffix("\n")
        assert line.replace("\t", "").isprintable()
        _at, _id, _kind, _reference, actor, subject, data = line.split("\t")
        assert (actor, subject, json.loads(data)) == (shown, shown, {"path": value})

    @pytest.mark.parametrize("value", ["x\r\n{}", "\x1b[2J\x7f\x9b", "\u2028", '{"decision":"allow"}', "plain"])
    def test_a_json_line_is_one_printable_line(self, value: str) -> None:
        ledger.record(kind="decision", actor=value, subject=value, data={"path": value, value: 1})
        out = audit("show", "--json")[1]
        line = out.removesuffix("\n")
        assert line.isascii()
        assert line.isprintable()
        entry = json.loads(line)
        assert (entry["actor"], entry["subject"], entry["data"]) == (value, value, {"path": value, value: 1})

    @pytest.mark.usefixtures("five")
    def test_a_damaged_entry_is_shown(self) -> None:
        with undone(), unprotected():
            execute("UPDATE audit_entry SET data = %s WHERE id = 5", '{"allowed":tru\x1b')
            assert audit("show", "--limit", "1")[1].endswith('\tuser:bob-5\t{"allowed":tru\\x1b\n')
            assert json.loads(audit("show", "--limit", "1", "--json")[1])["data"] == '{"allowed":tru\x1b'

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                ["--since", "yesterday"],
                "argument --since: `yesterday` is no date: expected 2026-11-24 or 2026-11-24T09:30",
            ),
            (
                ["--since", "2026-02-30"],
                "argument --since: `2026-02-30` is no date: expected 2026-11-24 or 2026-11-24T09:30",
            ),
            (["--limit", "-1"], "argument --limit: `-1` is no number of entries: expected 0 or more"),
            (["--limit", "ten"], "argument --limit: `ten` is no number of entries: expected 0 or more"),
        ],
    )
    def test_a_bad_option_is_named(self, options: list[str], message: str) -> None:
        with pytest.raises(CommandError) as refusal:
            audit("show", *options)
        assert str(refusal.value) == f"Error: {message}"


@pytest.mark.django_db
def test_protect_puts_the_triggers_back() -> None:
    triggers.remove(connection)
    assert audit("protect") == (0, "", "The append-only triggers are in place.\n")
    assert triggers.missing(connection) == []


def test_an_action_is_needed() -> None:
    with pytest.raises(CommandError) as refusal:
        audit()
    assert str(refusal.value) == "Error: the following arguments are required: action"
