"""A phone beside the browser: reads the QR code from pixels, and makes codes in a program of its own."""

import subprocess
import time
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Phone:
    """`scan` learns the key as an authenticator app does; `code` never gives the same code twice."""

    secret: str = ""
    label: str = ""
    issuer: str = ""
    given: set[str] = field(default_factory=set)

    def scan(self, screenshot: Path) -> str:
        """The otpauth address in the picture, as zbarimg reads it."""
        command = ["zbarimg", "-q", "--raw", "-Sdisable", "-Sqrcode.enable", str(screenshot)]
        read = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
        assert len(read) == 1, f"expected one QR code on the page, found {len(read)}"
        address = urllib.parse.urlsplit(read[0])
        assert (address.scheme, address.netloc) == ("otpauth", "totp"), read[0]
        values = dict(urllib.parse.parse_qsl(address.query))
        self.secret, self.issuer = values["secret"], values["issuer"]
        self.label = urllib.parse.unquote(address.path.lstrip("/"))
        return read[0]

    def code(self) -> str:
        """A code that was not given before: waits for the next time step where needed."""
        while (code := self._current()) in self.given:
            time.sleep(0.5)
        self.given.add(code)
        return code

    def _current(self) -> str:
        command = ["oathtool", "--totp", "-b", "-"]
        return subprocess.run(command, input=self.secret, capture_output=True, text=True, check=True).stdout.strip()
