"""Text into nodes: lines and paths, and everything a policy file may not do to whoever reads it."""

import json

import pytest
import yaml

from segments.policyfile import nodes
from segments.policyfile.nodes import Mapping, Scalar, Sequence
from segments.policyfile.problems import Place, PolicyFileError, Problem


def parsed(text: str) -> Mapping:
    top, problems = nodes.parse(text.encode(), "f.yaml")
    assert problems == []
    return top


def refusal(data: bytes) -> str:
    with pytest.raises(PolicyFileError) as caught:
        nodes.parse(data, "f.yaml")
    return str(caught.value)


def test_every_node_knows_its_line_and_its_path() -> None:
    top = parsed("version: 1\nroles:\n  - slug: dba\n    name: DBA\n  - {slug: web}\n")
    roles = top.values["roles"]
    assert isinstance(roles, Sequence)
    first, second = roles.items
    assert isinstance(first, Mapping)
    assert isinstance(second, Mapping)
    assert first.values["name"] == Scalar(Place(4, "roles[0].name"), "DBA", "str")
    assert first.keys == {"slug": Place(3, "roles[0].slug"), "name": Place(4, "roles[0].name")}
    assert second.place == Place(5, "roles[1]")


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("one", "str"),
        ("'1'", "str"),
        ("1", "int"),
        ("1.5", "float"),
        ("yes", "bool"),
        ("~", "null"),
        ("", "null"),
        ("2026-12-24T00:00:00Z", "timestamp"),
        ("19:00", "int"),
    ],
)
def test_a_scalar_keeps_its_text_and_says_what_yaml_takes_it_for(written: str, kind: str) -> None:
    node = parsed(f"key: {written}").values["key"]
    assert isinstance(node, Scalar)
    assert (node.text, node.kind) == (written.strip("'"), kind)


def test_a_key_that_is_there_twice_is_a_problem_at_the_second() -> None:
    top, problems = nodes.parse(b"a:\n  b: 1\n  c: 2\n  b: 3\n", "f.yaml")
    assert problems == [Problem(Place(4, "a.b"), "`b` is there twice: the first is in line 2")]
    assert isinstance(top.values["a"], Mapping)
    assert top.values["a"].values["b"] == Scalar(Place(2, "a.b"), "1", "int")


JSON = {"version": 1, "roles": [{"slug": "dba", "name": "Ærø 😀 \\ud83d \t"}], "flows": []}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(JSON),
        json.dumps(JSON, ensure_ascii=False),
        json.dumps(JSON, indent=2),
        json.dumps(JSON, indent="\t"),
        "\ufeff" + json.dumps(JSON),
    ],
    ids=["ascii", "unicode", "spaces", "tabs", "byte order mark"],
)
def test_json_is_read_as_it_stands(text: str) -> None:
    roles = parsed(text).values["roles"]
    assert isinstance(roles, Sequence)
    assert isinstance(roles.items[0], Mapping)
    name = roles.items[0].values["name"]
    assert isinstance(name, Scalar)
    assert name.text == "Ærø 😀 \\ud83d \t"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "f.yaml:1: expected keys and values: begin with `version: 1`"),
        (b"- version: 1", "f.yaml:1: expected keys and values: begin with `version: 1`"),
        (b"a: 1\nb: [1\nc: 2", "f.yaml:3: not YAML: did not find expected ',' or ']'"),
        (b"a: 1\n---\nb: 2", "f.yaml:2: a second document: keep one policy in one file"),
        (b"a: \xff", "f.yaml:1: the file is not UTF-8: save it as UTF-8"),
        (b"a: 1\nb: '\x01'", "f.yaml:2: not YAML: a character that is not allowed"),
        (b'a: 1\nb: "\\0"', "f.yaml:2: a NUL character or half a surrogate pair"),
        (b"a: 1\n? [b]\n: 2", "f.yaml:2: a key must be text"),
        (b"a: !!python/object/apply:os.system [id]", "`tag:yaml.org,2002:python/object/apply:os.system` is a tag"),
        (b"a: !!str 1", "f.yaml:1: `tag:yaml.org,2002:str` is a tag: write the value without"),
    ],
)
def test_what_is_no_document_is_refused_with_its_line(data: bytes, message: str) -> None:
    assert message in refusal(data)


@pytest.mark.parametrize("data", [b"a: &x 1\nb: *x", b"a: &x {b: 1}\nc:\n  <<: *x", b"a: 1\nb: *x"])
def test_anchors_and_aliases_are_refused(data: bytes) -> None:
    assert "is an anchor or alias: write the value out where it is needed" in refusal(data)


def test_a_bomb_of_aliases_is_refused_at_its_first_line() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    assert refusal("\n".join(lines).encode()).startswith("f.yaml:1: `a0` is an anchor or alias")


@pytest.mark.parametrize("data", [b"[" * 100_000, b"{a: " * 1000, b"- " * 1000])
def test_depth_is_bounded(data: bytes) -> None:
    assert refusal(data) == "f.yaml:1: nested more than 12 levels deep"


def test_depth_up_to_the_bound_is_read() -> None:
    text = "a: " + "[" * (nodes.DEEPEST - 1) + "]" * (nodes.DEEPEST - 1)
    assert isinstance(parsed(text).values["a"], Sequence)


def test_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "LARGEST", 10)
    assert parsed("version: 1").values.keys() == {"version"}
    assert refusal(b"version:  1") == "f.yaml:1: the file has 11 bytes: at most 10 are read"


def test_it_reads_the_same_without_libyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "version: 1\nroles: [{slug: yes, name: 'a'}]\n"
    expected = parsed(text)
    monkeypatch.setattr(nodes, "_Loader", yaml.SafeLoader)
    assert parsed(text) == expected
    assert refusal(b"[" * 1000) == "f.yaml:1: nested more than 12 levels deep"
