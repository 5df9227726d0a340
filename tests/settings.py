"""The project's settings, fed for a test run: random keys, no `.env`, and of what is exported only DATABASE_URL."""

import os
from base64 import b64encode
from secrets import token_bytes, token_urlsafe

KEYS = ["ZT_FACTOR_KEYS", "ZT_RECOVERY_KEY", "ZT_LEDGER_KEY", "ZT_ASSERTION_KEYS"]

for name in [name for name in os.environ if name.startswith("ZT_")]:
    del os.environ[name]
os.environ |= {name: b64encode(token_bytes(32)).decode() for name in KEYS} | {
    "ALLOWED_HOSTS": "localhost,127.0.0.1",
    "DEBUG": "off",
    "SECRET_KEY": token_urlsafe(48),
    "ZT_ENV_FILE": "",
    "ZT_TLS": "off",  # the test client speaks plain http; tests about https say so themselves
}

from ztproject.settings import *  # noqa: E402, F403  the environment has to be there first; settings are meant whole

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    DATABASES["default"]["OPTIONS"]["timeout"] = 30  # noqa: F405  many write at once in tests, on machines with work of their own
