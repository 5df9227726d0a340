"""Settings, read from the environment and from `.env` beside manage.py. Every default is safe for production.

A missing or bad value stops the start with what was found, what is accepted and which variable to set.
"""

import re
from base64 import b64decode
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env_file = Path(env.str("ZT_ENV_FILE", default=str(BASE_DIR / ".env")))  # empty: none, as in a test run
if env_file.is_file():
    env.read_env(env_file)


def required(name: str, accepted: str) -> str:
    """The value of an environment variable that has no safe default."""
    value = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(f"{name} is not set: expected {accepted}. `./zt setup` writes a `.env` with one.")
    return str(value)


def flag(name: str, *, default: bool) -> bool:
    """A boolean from the environment; anything but the usual words is an error, not False."""
    words = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}
    value = env.str(name, default=str(default)).strip().lower()
    if value not in words:
        raise ImproperlyConfigured(f"{name} is `{value}`: expected one of {', '.join(words)}.")
    return words[value]


def number(name: str, *, default: int, least: int, most: int, of: str = "a number") -> int:
    """A whole number between two bounds."""
    value = env.str(name, default=str(default))
    if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
        raise ImproperlyConfigured(f"{name} is `{value}`: expected {of} from {least} to {most}.")
    return int(value)


def seconds(name: str, *, default: int, least: int, most: int) -> int:
    """A duration in whole seconds."""
    return number(name, default=default, least=least, most=most, of="whole seconds")


def key(name: str, value: str) -> bytes:
    """A 32-byte key written in base64."""
    try:
        decoded = b64decode(value, validate=True)
    except ValueError:
        decoded = b""
    if len(decoded) != 32:
        raise ImproperlyConfigured(
            f"{name} holds a key of {len(value)} characters that is not base64 of 32 bytes: make one with "
            '`python3 -c "import base64, secrets; print(base64.b64encode(secrets.token_bytes(32)).decode())"`.'
        )
    return decoded


def keys(name: str) -> list[bytes]:
    """One or more 32-byte keys: the first seals, all open. Put a new one in front to rotate."""
    return [key(name, text) for text in required(name, "base64 of 32 bytes, several separated by commas").split(",")]


def port(name: str, *, default: int) -> int:
    """A TCP port."""
    return number(name, default=default, least=1, most=65535)


def address(name: str, *, default: str) -> str:
    """Where something listens: `host:port`, an IPv6 address in brackets."""
    value = str(env.str(name, default=default)).strip()
    if not re.fullmatch(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}", value):
        raise ImproperlyConfigured(f"{name} is `{value}`: expected host:port, such as {default}.")
    return value


def origin(name: str, *, scheme: str, default: str) -> str:
    """The address that people's browsers use: scheme, host and perhaps a port, nothing behind it."""
    value = str(env.str(name, default=default)).strip().rstrip("/").lower()
    if value and not re.fullmatch(rf"{scheme}://[a-z0-9.-]+(?::[0-9]{{1,5}})?", value):
        raise ImproperlyConfigured(
            f"{name} is `{value}`: expected {scheme}://host, such as {scheme}://portal.example.test."
        )
    return value


def networks(name: str) -> list[Any]:
    """A list of CIDRs; empty trusts nobody, a network that holds everybody does not start."""
    found = []
    for text in env.list(name, default=[]):
        try:
            network = ip_network(text.strip())
        except ValueError as error:
            raise ImproperlyConfigured(
                f"{name} has `{text}`: expected a CIDR such as 10.0.0.10/32 ({error})."
            ) from None
        if network.prefixlen == 0:
            raise ImproperlyConfigured(
                f"{name} has `{text}`: that trusts everybody. Name the addresses of your proxies."
            )
        found.append(network)
    return found


def database() -> dict[str, Any]:
    """SQLite in WAL with IMMEDIATE transactions by default, PostgreSQL through DATABASE_URL."""
    try:
        configured: dict[str, Any] = dict(env.db_url("DATABASE_URL", default=f"sqlite:///{BASE_DIR / 'db.sqlite3'}"))
    except (ValueError, environ.ImproperlyConfigured):
        configured = {}
    engine = configured.get("ENGINE", "")
    if engine == "django.db.backends.sqlite3":
        pragmas = "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA recursive_triggers=ON;"
        return configured | {"OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 5, "init_command": pragmas}}
    if engine == "django.db.backends.postgresql":
        return configured | {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
    raise ImproperlyConfigured(
        "DATABASE_URL names a database that is not supported: expected sqlite:///path or postgres://user@host:5432/name."
    )


# ---------------------------------------------------------------- the process
SECRET_KEY = required("SECRET_KEY", "50 or more random characters")
DEBUG = flag("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])
ZT_TLS = flag("ZT_TLS", default=True)  # False only for localhost: drops what needs https, and a check says so

ROOT_URLCONF = "ztproject.urls"
WSGI_APPLICATION = "ztproject.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEST_RUNNER = "ztproject.test_runner.TestRunner"
DATABASES = {"default": database()}

INSTALLED_APPS = [
    "ztproject.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
    "django_otp",
    "audit",
    "accounts",
    "segments",
]

MIDDLEWARE = [
    "ztproject.headers.SecurityHeadersMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",  # before static files, so that they have it as well
    "django.middleware.security.SecurityMiddleware",
    "ztproject.malformed.MalformedRequestMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "segments.enforcement.middleware.EnforcementMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"  # fields and widgets lie in templates/, like every page

# ---------------------------------------------------------------- who
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "segments:portal"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.BCryptSHA256PasswordHasher"]  # plain bcrypt stops at 72 bytes
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "accounts.passwords.LengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "accounts.passwords.ContextValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
OTP_ADMIN_HIDE_SENSITIVE_DATA = True
OTP_LOGIN_URL = LOGIN_URL
ZT_RETURN_HOSTS = ""  # dotted name of a function: hosts of applications that people may be sent back to
ZT_ISSUER = env.str("ZT_ISSUER", default="ztproject")
ZT_FACTOR_KEYS = keys("ZT_FACTOR_KEYS")
ZT_RECOVERY_KEY = key("ZT_RECOVERY_KEY", required("ZT_RECOVERY_KEY", "base64 of 32 bytes"))
ZT_LEDGER_KEY = key("ZT_LEDGER_KEY", required("ZT_LEDGER_KEY", "base64 of 32 bytes"))

# ---------------------------------------------------------------- sessions
ZT_SESSION_IDLE = seconds("ZT_SESSION_IDLE", default=30 * 60, least=60, most=24 * 3600)
ZT_SESSION_ABSOLUTE = seconds("ZT_SESSION_ABSOLUTE", default=12 * 3600, least=300, most=7 * 24 * 3600)
ZT_TRUSTED_PROXIES = networks("ZT_TRUSTED_PROXIES")
SESSION_ENGINE = "accounts.sessions"
SESSION_COOKIE_NAME = "__Host-zt" if ZT_TLS else "zt"
SESSION_COOKIE_AGE = ZT_SESSION_ABSOLUTE
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_SECURE = ZT_TLS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "__Host-zt-csrf" if ZT_TLS else "zt-csrf"
CSRF_COOKIE_SECURE = ZT_TLS
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "accounts.views.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# ---------------------------------------------------------------- applications
SCHEME = "https" if ZT_TLS else "http"
HOST = env.str("HOST", default="127.0.0.1")
BRACKETED_HOST = f"[{HOST}]" if ":" in HOST else HOST
# What browsers know the portal by. Applications send people there to sign in.
ZT_PORTAL_URL = origin(
    "ZT_PORTAL_URL", scheme=SCHEME, default="" if ZT_TLS else f"http://localhost:{port('PORT', default=8000)}"
)
ZT_DECISION_POINT = address("ZT_DECISION_POINT", default=f"127.0.0.1:{port('DECISION_PORT', default=8001)}")
ZT_GATEWAY_LISTEN = address("ZT_GATEWAY_LISTEN", default=f"{BRACKETED_HOST}:{port('GATEWAY_PORT', default=8080)}")
ZT_APPLICATION_PORT = port(  # where browsers find applications: the port of the proxy, or of the gateway
    "ZT_APPLICATION_PORT", default=443 if ZT_TLS else int(ZT_GATEWAY_LISTEN.rpartition(":")[2])
)
ZT_GATEWAY_CERTIFICATE = env.str("ZT_GATEWAY_CERTIFICATE", default="")  # PEM files; both, or neither for plain http
ZT_GATEWAY_KEY = env.str("ZT_GATEWAY_KEY", default="")
ZT_DECISION_THREADS = number("ZT_DECISION_THREADS", default=4, least=1, most=64)
ZT_DECISION_TIMEOUT = seconds("ZT_DECISION_TIMEOUT", default=5, least=1, most=60)
ZT_ASSERTION_KEYS = keys("ZT_ASSERTION_KEYS")  # seal the keys that sign identities

# ---------------------------------------------------------------- answers
SECURE_SSL_REDIRECT = ZT_TLS
SECURE_HSTS_SECONDS = 2 * 365 * 24 * 3600 if ZT_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = ZT_TLS
SECURE_HSTS_PRELOAD = ZT_TLS
# `no-referrer` would make browsers send `Origin: null` with every form, which the CSRF check has to refuse
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
# No page takes a file. Django's other handler writes one of any length to the disk, whoever sends it.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024

# ---------------------------------------------------------------- words and files
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]  # those with a whole translation in ztproject/locale: half a page in German helps none
TIME_ZONE = env.str("ZT_TIME_ZONE", default="UTC")
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = ["ztproject.formats"]
LOCALE_PATHS = [BASE_DIR / "ztproject" / "locale"]
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True  # serves from the apps and static/: there is no collectstatic step to forget
WHITENOISE_MAX_AGE = 300  # names carry no hash: after an upgrade nobody waits longer than this

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("ZT_LOG_LEVEL", default="WARNING").upper()},
}
