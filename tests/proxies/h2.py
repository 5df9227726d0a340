"""One request of HTTP/2 over a plain connection, whose headers may be what no library would send (RFC 9113, 7541)."""

import socket
from collections.abc import Iterable

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1
STATIC_STATUS = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def literal(text: str) -> bytes:
    """A string without Huffman coding, its length as an integer of seven bits."""
    octets = text.encode("latin-1")
    length, rest = len(octets), b""
    if length < 127:
        return bytes([length]) + octets
    length -= 127
    while length >= 128:
        rest, length = rest + bytes([length % 128 + 128]), length // 128
    return b"\x7f" + rest + bytes([length]) + octets


def block(fields: Iterable[tuple[str, str]]) -> bytes:
    """Every field as a literal that is not indexed."""
    return b"".join(b"\x00" + literal(name) + literal(value) for name, value in fields)


def status_of(payload: bytes) -> int:
    """The status at the beginning of a header block: indexed, or a literal with an indexed name."""
    first = payload[0]
    if first & 0xE0 == 0x20:  # a change of the table's size comes first
        return status_of(payload[1:])
    if first & 0x80:
        return STATIC_STATUS[first & 0x7F]
    text = payload[2 : 2 + (payload[1] & 0x7F)]
    return int(text) if payload[1] & 0x80 == 0 else huffman_number(text)


def huffman_number(text: bytes) -> int:
    """A number in Huffman code: 0, 1 and 2 have five bits, the other digits six."""
    bits = "".join(f"{octet:08b}" for octet in text)
    digits = ""
    while len(digits) < 3:
        five = int(bits[:5], 2)
        size, digit = (5, five) if five < 3 else (6, int(bits[:6], 2) - 0b011001 + 3)
        digits, bits = digits + str(digit), bits[size:]
    return int(digits)


def ask(port: int, fields: Iterable[tuple[str, str]]) -> int:
    """The status of the answer; 0 where the stream or the connection is ended instead."""
    with socket.create_connection(("127.0.0.1", port), timeout=3) as connection:
        connection.sendall(PREFACE + frame(SETTINGS, 0, 0))
        connection.sendall(frame(HEADERS, END_STREAM | END_HEADERS, 1, block(fields)))
        stream = connection.makefile("rb")
        try:
            while head := stream.read(9):
                payload = stream.read(int.from_bytes(head[:3], "big"))
                kind, flags = head[3], head[4]
                if kind == SETTINGS and not flags & ACK:
                    connection.sendall(frame(SETTINGS, ACK, 0))
                elif kind == HEADERS:
                    return status_of(payload)
                elif kind in {RST_STREAM, GOAWAY}:
                    return 0
        except (ConnectionError, TimeoutError):
            return 0
    return 0
