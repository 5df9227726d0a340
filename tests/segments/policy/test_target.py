"""Methods, hosts and every reading of a path, each hit beside its near misses."""

import pytest

from segments.policy.target import MalformedTargetError, action_of, canonical_host, readings, shown
from tests.segments.policy.cast import exactly


class TestMethods:
    @pytest.mark.parametrize(
        ("method", "action"),
        [
            ("GET", "read"),
            ("HEAD", "read"),
            ("OPTIONS", "read"),
            ("POST", "write"),
            ("PUT", "write"),
            ("PATCH", "write"),
            ("DELETE", "write"),
            ("PROPFIND", "write"),
            ("M-SEARCH", "write"),
            ("X" * 32, "write"),
        ],
    )
    def test_three_methods_read_and_every_other_writes(self, method: str, action: str) -> None:
        assert action_of(method) == action

    @pytest.mark.parametrize(
        "method",
        [
            "",
            "get",
            "Get",
            "GET ",
            " GET",
            "GET\n",
            "G\u0045\u0301T",
            "G_T",
            "GET1",
            "-GET",
            "X" * 33,
            "TRACE",
            "TRACK",
            "CONNECT",
            "ＧＥＴ",
        ],
    )
    def test_another_method_is_malformed(self, method: str) -> None:
        with pytest.raises(MalformedTargetError):
            action_of(method)


class TestHosts:
    @pytest.mark.parametrize(
        ("host", "canonical"),
        [
            ("app.example.test", "app.example.test"),
            ("APP.Example.Test", "app.example.test"),
            ("app.example.test.", "app.example.test"),
            ("app.example.test:443", "app.example.test"),
            ("app.example.test.:1", "app.example.test"),
            ("app.example.test:65535", "app.example.test"),
            ("app.example.test:", "app.example.test"),
            ("XN--BCHER-KVA.test", "xn--bcher-kva.test"),
            ("10.1.2.3:80", "10.1.2.3"),
            ("2130706433", "2130706433"),
            ("[2001:DB8::1]:443", "[2001:db8::1]"),
            ("[::ffff:10.1.2.3]", "10.1.2.3"),
            ("a" * 63, "a" * 63),
        ],
    )
    def test_hosts_are_compared_in_one_form(self, host: str, canonical: str) -> None:
        assert canonical_host(host) == canonical
        assert canonical_host(canonical) == canonical

    @pytest.mark.parametrize(
        "host",
        [
            "",
            ".",
            ".app.test",
            "app.test..",
            "a..b",
            "app.test:0",
            "app.test:65536",
            "app.test:+1",
            "app.test:1 ",
            "app.test:000443",
            "app.test:abc",
            "app.test:１",
            "user@app.test",
            "app.test%00",
            "app.test,evil.test",
            "app.test evil.test",
            "app.test\n",
            "app.test/x",
            "app.test#x",
            "app.test?x",
            "app.test\\x",
            "_app.test",
            "a_b.test",
            "-a.test",
            "a-.test",
            "a" * 64,
            ".".join(["a" * 63] * 4),
            "b\u00fccher.test",
            "app\u3002test",
            "\u212aelvin.test",
            "\u017fample.test",
            "*.example.test",
            "[::1",
            "::1",
            "[::1]x",
            "[::1]:0",
            "[fe80::1%eth0]",
            "[10.1.2.3]",
            "[]",
        ],
    )
    def test_what_is_no_host_is_malformed(self, host: str) -> None:
        with pytest.raises(MalformedTargetError):
            canonical_host(host)


class TestReadings:
    @pytest.mark.parametrize(
        "path",
        [
            "/",
            "/public",
            "/public/",
            "/a/b/c",
            "/a.b",
            "/a..b",
            "/..hidden",
            "/a/..b/c",
            "/...",
            "/a+b",
            "/~a",
            "/a:b@c",
            "/[x]{y}|^`",
        ],
    )
    def test_a_path_that_reads_one_way_has_one_reading(self, path: str) -> None:
        assert readings(path) == (path,)

    @pytest.mark.parametrize(
        "query", ["?", "?x=1", "?next=/finance", "?a=..%2f..%2f", "?a=%0a", "?100%", "?a?b", "?[]{}\\"]
    )
    def test_the_query_is_not_read(self, query: str) -> None:
        assert readings("/public/x" + query) == ("/public/x",)
        assert readings("/public/..%2fx" + query) == readings("/public/..%2fx")

    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            ("/a%20b", ["/a%20b", "/a b"]),
            ("/caf%C3%A9", ["/caf%C3%A9", "/caf\u00e9"]),
            ("/cafe%CC%81", ["/cafe%CC%81", "/cafe\u0301", "/caf\u00e9"]),
            ("/100%25", ["/100%25", "/100%"]),
            ("/100%25/x%20y", ["/100%25/x%20y", "/100%/x y"]),
            ("//a", ["//a", "/a"]),
            ("/a/../b", ["/a/../b", "/b"]),
            ("/a/..", ["/a/..", "/"]),
            ("/a/b/.", ["/a/b/.", "/a/b/"]),
            ("/../../a", ["/../../a", "/a"]),
            ("/a//../b", ["/a//../b", "/a/../b", "/a/b", "/b"]),
            ("/a\\..\\b", ["/a\\..\\b", "/a/../b", "/b"]),
            ("/a;x/b;y", ["/a;x/b;y", "/a/b"]),
            ("/a/..;x/b", ["/a/..;x/b", "/a/../b", "/b"]),
            ("/;x/a", ["/;x/a", "//a", "/a"]),
            ("/a%2fb", ["/a%2fb", "/a/b"]),
            ("/a%2Fb", ["/a%2Fb", "/a/b"]),
            ("/%2e%2e/a", ["/%2e%2e/a", "/../a", "/a"]),
            ("/a/%252e%252e/b", ["/a/%252e%252e/b", "/a/%2e%2e/b", "/a/../b", "/b"]),
            ("/%25252561", None),
            ("/%252561", ["/%252561", "/%2561", "/%61", "/a"]),
            ("/%25%36%31", ["/%25%36%31", "/%61", "/a"]),
            ("/a%3b/b", ["/a%3b/b", "/a;/b", "/a/b"]),
            ("/a%5cb", ["/a%5cb", "/a\\b", "/a/b"]),
            ("/a%3fb", ["/a%3fb", "/a?b", "/a"]),
            ("/a%23b", ["/a%23b", "/a#b", "/a"]),
            ("/%EF%BC%8E%EF%BC%8E/a", ["/%EF%BC%8E%EF%BC%8E/a", "/\uff0e\uff0e/a", "/../a", "/a"]),
            ("/a%EF%BC%8Fb", ["/a%EF%BC%8Fb", "/a\uff0fb", "/a/b"]),
            ("/%EF%BC%852e", ["/%EF%BC%852e", "/\uff052e", "/%2e", "/.", "/"]),
            # Envoy and browsers decode dots alone: `c%2fd` is then one segment, and `..` takes it away whole.
            (
                "/a/b%2fc/%2e%2e/z",
                ["/a/b%2fc/%2e%2e/z", "/a/b/c/../z", "/a/b/z", "/a/b%2fc/../z", "/a/z"],
            ),
            # A hop resolves dots before it decodes, the next one after: only together do they climb out of /a.
            (
                "/a/c%2fd/../%2e%2e/z",
                ["/a/c%2fd/../%2e%2e/z", "/a/c/d/../../z", "/a/%2e%2e/z", "/a/z", "/a/c%2fd/../../z", "/a/../z", "/z"],
            ),
        ],
    )
    def test_every_plausible_reading_is_there_in_order(self, path: str, expected: list[str] | None) -> None:
        if expected is None:
            with pytest.raises(MalformedTargetError):
                readings(path)
        else:
            assert list(readings(path)) == expected

    @pytest.mark.parametrize(
        "target",
        [
            "",
            "public/x",
            "*",
            "http://app.test/x",
            "app.test:443",
            "\\x",
            "?x",
            "/x y",
            "/x\ty",
            "/x\n",
            "/x\x00",
            "/x\x7f",
            "/x#y",
            "/caf\u00e9",
            "/x?caf\u00e9",
            "/x?a b",
            "/x?a#b",
            "/x?a\n",
            "/%",
            "/%2",
            "/%zz",
            "/%u002e",
            "/%00",
            "/%0a",
            "/%1b[31m",
            "/%7f",
            "/%C2%85",
            "/%2500",
            "/%250a",
            "/%252",
            "/%25zz",
            "/%25u002e",
            "/100%25%2541",
            "/%c0%af",
            "/%e0%80%af",
            "/%ED%A0%80",
            "/%E9",
            "/%F4%90%80%80",
            "/%2525252e",
            "/" + "a" * 8192,
            "/?" + "a" * 8191,
        ],
    )
    def test_a_target_nobody_should_send_is_malformed(self, target: str) -> None:
        with pytest.raises(MalformedTargetError):
            readings(target)

    def test_eight_kibibytes_are_read(self) -> None:
        assert readings("/" + "a" * 8191) == ("/" + "a" * 8191,)
        assert readings("/" * 8192) == ("/" * 8192, "/")

    def test_a_path_that_reads_in_too_many_ways_is_malformed(self) -> None:
        tricks = "/a;x\\..%2f%252e%EF%BC%8E//%23%3f%3b"
        assert len(readings("/%2e%2e;x/a\\b")) < 96
        with pytest.raises(MalformedTargetError, match=exactly("path can be read in too many ways")):
            readings(tricks * 8)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("/caf\u00e9", "/caf\u00e9"),
        ("a\r\nb\x1b[31m\x00", "a\\r\\nb\\x1b[31m\\x00"),
        ("\u202efinance\u2028", "\\u202efinance\\u2028"),
        ("x" * 101, "x" * 100 + "…"),
    ],
)
def test_what_is_quoted_in_an_error_cannot_forge_a_line(text: str, safe: str) -> None:
    assert shown(text) == safe
