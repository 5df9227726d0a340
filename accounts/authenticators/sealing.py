"""Secrets at rest: AES-256-GCM under the keys of ZT_FACTOR_KEYS.

A sealed secret is `version (1) | key id (4) | nonce (12) | ciphertext and tag`. Header and owner are authenticated with
it, so that neither a flipped bit nor a ciphertext copied to another account is ever opened.
"""

import hashlib
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

VERSION: Final = b"\x01"
KEY_ID_LENGTH: Final = 4
NONCE_LENGTH: Final = 12  # NIST SP 800-38D, 5.2.1.1


class SealError(ValueError):
    """The sealed secret cannot be opened: changed, moved to another owner, or its key is no longer configured."""


def seal(secret: bytes, *, owner: str) -> bytes:
    """`secret` encrypted with the first key, for `owner` only."""
    key = settings.ZT_FACTOR_KEYS[0]
    header = VERSION + _key_id(key)
    nonce = secrets.token_bytes(NONCE_LENGTH)
    return header + nonce + AESGCM(key).encrypt(nonce, secret, header + owner.encode())


def unseal(sealed: bytes, *, owner: str) -> bytes:
    """The secret sealed for `owner`. Raises SealError."""
    header, nonce, ciphertext = _parts(sealed)
    key = {VERSION + _key_id(key): key for key in settings.ZT_FACTOR_KEYS}.get(header)
    if key is None:
        raise SealError("no key of ZT_FACTOR_KEYS opens this secret: put back the key it was sealed with")
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, header + owner.encode())
    except (InvalidTag, ValueError):  # ValueError: cut off within the nonce
        raise SealError("the secret was changed or belongs to another owner") from None


def is_current(sealed: bytes) -> bool:
    """Whether `sealed` is under the first key."""
    return _parts(sealed)[0] == VERSION + _key_id(settings.ZT_FACTOR_KEYS[0])


def _parts(sealed: bytes) -> tuple[bytes, bytes, bytes]:
    start = len(VERSION) + KEY_ID_LENGTH
    return sealed[:start], sealed[start : start + NONCE_LENGTH], sealed[start + NONCE_LENGTH :]


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"ztproject key id" + key).digest()[:KEY_ID_LENGTH]
