"""Where a web resource may lead: pages and the policy file say the same as the gateway."""

import pytest
from django.core.exceptions import ValidationError

from segments import policyfile
from segments.models import Resource, Segment

pytestmark = pytest.mark.django_db

GOOD = ["", "http://ledger:9001", "http://127.0.0.1:9001", "https://app.example.test", "http://[::1]:9001/"]
BAD = {
    "http://127.0.0.1:9001/app": "has a path or a query",
    "ftp://x": "does not start with `http://` or `https://`",
    "http://u:p@h/": "has a user name or a password",
    "http://ledger:99999": "has a port",
    "ledger:9001": "does not start with",
}


def row(upstream: str) -> Resource:
    segment = Segment.objects.create(slug="finance", name="Finance")
    return Resource(segment=segment, kind="web", name="ledger", host="ledger.example.test", path="/", upstream=upstream)


def file(upstream: str) -> bytes:
    return f"""version: 1
segments:
  - slug: finance
    resources:
      - name: ledger
        host: ledger.example.test
        upstream: "{upstream}"
""".encode()


@pytest.mark.parametrize("upstream", GOOD)
def test_scheme_host_and_port_are_accepted(upstream: str) -> None:
    row(upstream).full_clean()
    assert policyfile.read(file(upstream), "policy.yaml").problems == ()


@pytest.mark.parametrize("upstream", BAD)
def test_what_no_gateway_can_use_is_refused_with_the_value_and_the_way_out(upstream: str) -> None:
    with pytest.raises(ValidationError) as refused:
        row(upstream).full_clean()
    (said,) = refused.value.message_dict["upstream"]
    assert said.startswith(f"upstream `{upstream}` {BAD[upstream]}")
    (problem,) = policyfile.read(file(upstream), "policy.yaml").problems
    assert (problem.place.line, problem.message) == (7, said)
