import json

import pytest

from audit.chain import canonical
from audit.redaction import redacted


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("password=hunter2&code=123456", "password=[redacted]&code=[redacted]"),
        ("/sign-in?next=/a&PASSWORD=hunter2", "/sign-in?next=/a&PASSWORD=[redacted]"),
        ("a=1;client_secret=s3cr3t;b=2", "a=1;client_secret=[redacted];b=2"),
        (
            "id_token=ey.J0.x&otp=1&pin=2&SAMLResponse=PHNh",
            "id_token=[redacted]&otp=[redacted]&pin=[redacted]&SAMLResponse=[redacted]",
        ),
        ("Bearer abc.def.ghi", "Bearer [redacted]"),
        ("authorization: Basic YTpi, more", "authorization: Basic [redacted] more"),
        ('{"password":"hunter2"}', '{"password":"hunter2"}'),  # JSON inside a text is not looked into
        ("reason_code=no_grant&encode=1&zipcode=2", "reason_code=no_grant&encode=1&zipcode=2"),
        (f"/in/zts_{'a1B' * 13}/x?q=zts_{'0' * 39}", "/in/[redacted]/x?q=[redacted]"),
        (f"from zts%5F{'a1B' * 13}!", "from [redacted]!"),
        ("zts_a1B2c3… was revoked", "zts_a1B2c3… was revoked"),  # the beginning that lists show
        ("password", "password"),
        ("password=", "password="),
        ("the bearer", "the bearer"),
        ("/reports/2026?page=2", "/reports/2026?page=2"),
    ],
)
def test_text(text: str, kept: str) -> None:
    assert json.loads(redacted(canonical({"query": text}))) == {"query": kept}


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        ({"password": 'hun"ter2 with\nmore'}, {"password": "[redacted]"}),
        ({"new_password": "a", "name": "b"}, {"new_password": "[redacted]", "name": "b"}),
        (
            {"headers": {"Authorization": "Bearer a b", "Cookie": "zt=1; a=2"}},
            {"headers": {"Authorization": "[redacted]", "Cookie": "[redacted]"}},
        ),
        ({"tokens": 3, "token": None, "code": "no_grant"}, {"tokens": 3, "token": None, "code": "no_grant"}),
        ({"passwords": "two"}, {"passwords": "two"}),
    ],
)
def test_keys(data: dict[str, object], kept: dict[str, object]) -> None:
    assert json.loads(redacted(canonical(data))) == kept


def test_what_is_redacted_stays_redacted() -> None:
    once = redacted(canonical({"password": "a", "query": "token=b", "header": "Bearer c"}))
    assert redacted(once) == once
