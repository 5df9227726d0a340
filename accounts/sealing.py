"""Secrets at rest: AES-256-GCM under the keys of a setting.

A sealed secret is `version (1) | key id (4) | nonce (12) | ciphertext and tag`. Header and owner are authenticated with
it, so that neither a flipped bit nor a ciphertext copied to another row is ever opened.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

VERSION: Final = b"\x01"
KEY_ID_LENGTH: Final = 4
NONCE_LENGTH: Final = 12  # NIST SP 800-38D, 5.2.1.1


class SealError(ValueError):
    """The sealed secret cannot be opened: changed, moved to another owner, or its key is no longer configured."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """The 32-byte keys of one setting, read from it each time: the first seals, all open."""

    setting: str

    def seal(self, secret: bytes, *, owner: str) -> bytes:
        """`secret` encrypted with the first key, for `owner` only."""
        key = self._keys()[0]
        header = VERSION + _key_id(key)
        nonce = secrets.token_bytes(NONCE_LENGTH)
        return header + nonce + AESGCM(key).encrypt(nonce, secret, header + owner.encode())

    def unseal(self, sealed: bytes, *, owner: str) -> bytes:
        """The secret sealed for `owner`. Raises SealError."""
        header, nonce, ciphertext = _parts(sealed)
        key = {VERSION + _key_id(key): key for key in self._keys()}.get(header)
        if key is None:
            raise SealError(f"no key of {self.setting} opens this secret: put back the key it was sealed with")
        try:
            return AESGCM(key).decrypt(nonce, ciphertext, header + owner.encode())
        except (InvalidTag, ValueError):  # ValueError: cut off within the nonce
            raise SealError("the secret was changed or belongs to another owner") from None

    def is_current(self, sealed: bytes) -> bool:
        """Whether `sealed` is under the first key."""
        return _parts(sealed)[0] == VERSION + _key_id(self._keys()[0])

    def _keys(self) -> list[bytes]:
        keys: list[bytes] = getattr(settings, self.setting)
        return keys


FACTORS: Final = Keyring("ZT_FACTOR_KEYS")  # authenticator keys


def _parts(sealed: bytes) -> tuple[bytes, bytes, bytes]:
    start = len(VERSION) + KEY_ID_LENGTH
    return sealed[:start], sealed[start : start + NONCE_LENGTH], sealed[start + NONCE_LENGTH :]


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"ztproject key id" + key).digest()[:KEY_ID_LENGTH]
