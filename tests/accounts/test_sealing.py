"""Secrets at rest: whoever changes, moves or re-keys them gets nothing."""

import secrets

import pytest
from pytest_django import Settings

from accounts.sealing import FACTORS, Keyring, SealError

OLD, NEW = secrets.token_bytes(32), secrets.token_bytes(32)


@pytest.fixture(autouse=True)
def one_key(settings: Settings) -> None:
    settings.ZT_FACTOR_KEYS = [OLD]


def test_opens_for_its_owner_alone() -> None:
    sealed = FACTORS.seal(b"secret", owner="totp:1")
    assert FACTORS.unseal(sealed, owner="totp:1") == b"secret"
    for owner in ("totp:2", "totp:11", "webauthn:1", ""):
        with pytest.raises(SealError, match="the secret was changed or belongs to another owner"):
            FACTORS.unseal(sealed, owner=owner)


def test_no_flipped_bit_is_opened() -> None:
    sealed = FACTORS.seal(b"a key of twenty bytes", owner="totp:1")
    for position in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(SealError):
            FACTORS.unseal(bytes(changed), owner="totp:1")
    assert FACTORS.unseal(sealed, owner="totp:1") == b"a key of twenty bytes"


@pytest.mark.parametrize("length", [0, 1, 5, 16, 17, 30])
def test_what_is_cut_off_is_not_opened(length: int) -> None:
    with pytest.raises(SealError):
        FACTORS.unseal(FACTORS.seal(b"secret", owner="totp:1")[:length], owner="totp:1")


def test_same_secret_is_never_sealed_to_the_same_bytes() -> None:
    assert len({FACTORS.seal(b"secret", owner="totp:1") for _ in range(100)}) == 100


def test_rotation_reads_old_keys_and_writes_the_first(settings: Settings) -> None:
    sealed = FACTORS.seal(b"secret", owner="totp:1")
    assert FACTORS.is_current(sealed)
    settings.ZT_FACTOR_KEYS = [NEW, OLD]
    assert not FACTORS.is_current(sealed)
    assert FACTORS.unseal(sealed, owner="totp:1") == b"secret"
    again = FACTORS.seal(b"secret", owner="totp:1")
    settings.ZT_FACTOR_KEYS = [NEW]
    assert FACTORS.unseal(again, owner="totp:1") == b"secret"
    with pytest.raises(SealError, match="no key of ZT_FACTOR_KEYS opens this secret"):
        FACTORS.unseal(sealed, owner="totp:1")


def test_secret_of_an_earlier_release_still_opens(settings: Settings) -> None:
    settings.ZT_FACTOR_KEYS = [bytes(range(32))]
    sealed = bytes.fromhex(
        "01ff966e9b6f8749eaac99cf1e9734111bd965553af2d475a29bf4deb1455721a1afba5f8bd1b6691f3f53dc4109d8d86c043591892c"
    )
    assert FACTORS.unseal(sealed, owner="totp:1") == b"a key of twenty bytes"


def test_keys_of_one_setting_open_nothing_of_another(settings: Settings) -> None:
    settings.ZT_ASSERTION_KEYS = [NEW]
    sealed = FACTORS.seal(b"secret", owner="totp:1")
    with pytest.raises(SealError, match="no key of ZT_ASSERTION_KEYS opens this secret"):
        Keyring("ZT_ASSERTION_KEYS").unseal(sealed, owner="totp:1")
    settings.ZT_ASSERTION_KEYS = [OLD]
    assert Keyring("ZT_ASSERTION_KEYS").unseal(sealed, owner="totp:1") == b"secret"
