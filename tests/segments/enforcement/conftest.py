"""The settings of a deployment with TLS, behind one proxy."""

from ipaddress import ip_network

import pytest
from pytest_django import Settings

PORTAL = "https://portal.example.test"


@pytest.fixture
def tls(settings: Settings) -> Settings:
    settings.ZT_TLS, settings.SCHEME, settings.ZT_PORTAL_URL = True, "https", PORTAL
    settings.ZT_APPLICATION_PORT = 443
    settings.ZT_TRUSTED_PROXIES = [ip_network("127.0.0.1/32")]
    return settings
