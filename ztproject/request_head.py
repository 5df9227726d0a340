"""What uvicorn reads of a request before anybody is asked: a path as proxies send it, and a head of a bounded length.

For uvicorn's command line: `--http ztproject.request_head:Protocol`. uvicorn hands on the path alone, so that what
stood around it is lost unseen: `GET /public#/../finance` and `GET http://other.example.test/public` become `/public`.
It also collects headers without end. Both are answered 400 here, which every proxy takes for a refusal.
"""

import re
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

ORIGIN_FORM: Final = re.compile(rb"/[^#]*")  # RFC 9112, 3.2.1; what characters it has is looked at where it is read
MOST_BYTES: Final = 128 * 1024  # twice what a question may have: that one is refused and recorded


class UnreadableHeadError(ValueError):
    """The request line or the headers are not taken. httptools makes an error of its own of it, and uvicorn a 400."""


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol on httptools, a little stricter."""

    _in_head = False
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_BYTES:
                self.send_400_response("The head is too long.")

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        if ORIGIN_FORM.fullmatch(self.url) is None:
            raise UnreadableHeadError("the target is not a path")
        super().on_headers_complete()
