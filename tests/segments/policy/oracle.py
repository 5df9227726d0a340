"""A second engine, written from the contract alone, as plainly as it can be said: no index, no shortcut, no reuse.

It shares the values with the engine, and nothing else. Slow; for tests.
"""

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_network

from segments.policy.conditions import IPNetwork
from segments.policy.model import (
    Context,
    Grant,
    Hours,
    Policy,
    Segment,
    Subject,
    ViewResource,
    ViewTarget,
    WebResource,
    WebTarget,
)

Resource = ViewResource | WebResource


class MalformedError(Exception):
    pass


@dataclass(frozen=True)
class Answer:
    allowed: bool
    reason: str
    segment: str | None = None
    resource: str | None = None
    grants: frozenset[str] = frozenset()


def decide(
    policy: Policy,
    subject: Subject | None,
    target: ViewTarget | WebTarget,
    context: Context,
    action: str | None = None,
) -> Answer:
    try:
        resources = resources_of(policy, target)
        asked = action or action_of(target.method)
    except MalformedError:
        return Answer(allowed=False, reason="malformed_target")
    answers = [answer_for(policy, resource, subject, context, asked) for resource in resources]
    for answer in answers:
        if not answer.allowed:
            return answer
    first = answers[0]
    grants = frozenset().union(*(answer.grants for answer in answers))
    return Answer(first.allowed, first.reason, first.segment, first.resource, grants)


# The subject ----------------------------------------------------------------------------------------------------------


def answer_for(
    policy: Policy, resource: Resource | None, subject: Subject | None, context: Context, action: str
) -> Answer:
    if resource is None:
        return Answer(allowed=False, reason="unknown_resource")
    [segment] = [one for one in policy.segments if one.slug == resource.segment]
    if not segment.quarantined and resource.anonymous:
        return Answer(True, "anonymous_resource", segment.slug, resource.id)
    reason, grants = why(policy, segment, subject, context, action)
    return Answer(reason is None, reason or "granted", segment.slug, resource.id, frozenset(grants))


def why(
    policy: Policy, segment: Segment, subject: Subject | None, context: Context, action: str
) -> tuple[str | None, list[str]]:
    """Why not (None: it may), and the grants that matter."""
    if segment.quarantined:
        return "segment_quarantined", []
    if subject is None:
        return "sign_in_required", []
    reason = why_not_in(segment, subject)
    if reason:
        return reason, []
    held = [grant for grant in policy.grants if grant.segment == segment.slug and is_to(grant, subject)]
    if not held:
        return "not_granted", []
    # How far each grant comes; whoever comes furthest is nearest, or opens.
    furthest = max(narrowed(grant, context, action)[0] for grant in held)
    near = [grant for grant in held if narrowed(grant, context, action)[0] == furthest]
    _, reason = narrowed(near[0], context, action)
    return reason or why_not_under(segment, subject, context), [grant.id for grant in near]


def why_not_in(segment: Segment, subject: Subject) -> str | None:
    is_service = subject.kind == "service"
    criteria = [
        ("subject_disabled", subject.active),
        ("subject_quarantined", not subject.quarantined),
        ("session_ended", subject.session_active),
        ("service_account_not_allowed", not is_service or segment.allow_service_accounts),
        ("enrolment_required", is_service or subject.enrolled),
        ("second_factor_required", is_service or len(subject.verifications) > 0),
    ]
    return first_missed(criteria)


def first_missed(criteria: list[tuple[str, bool]]) -> str | None:
    missed = [reason for reason, met in criteria if not met]
    return missed[0] if missed else None


def is_to(grant: Grant, subject: Subject) -> bool:
    return grant.role in subject.roles if grant.role else grant.subject == subject.id


def narrowed(grant: Grant, context: Context, action: str) -> tuple[int, str | None]:
    """How many criteria the grant meets in a row, and the one it then misses."""
    criteria = [
        ("action_not_granted", action in grant.actions),
        ("outside_grant_network", is_inside(grant.networks, context)),
        ("outside_grant_hours", is_within(grant.hours, context)),
        ("grant_not_yet_valid", grant.not_before is None or grant.not_before <= context.at),
        ("grant_expired", grant.expires_at is None or context.at < grant.expires_at),
    ]
    for number, (reason, met) in enumerate(criteria):
        if not met:
            return number, reason
    return len(criteria), None


def why_not_under(segment: Segment, subject: Subject, context: Context) -> str | None:
    strong = [one for one in subject.verifications if segment.assurance == "mfa" or one.factor == "webauthn"]
    ages = [context.at - one.at for one in strong]
    is_service = subject.kind == "service"
    is_recent = segment.reauth_after is None or any(age < segment.reauth_after for age in ages)
    return first_missed(
        [
            ("outside_segment_network", is_inside(segment.networks, context)),
            ("outside_segment_hours", is_within(segment.hours, context)),
            ("stronger_factor_required", is_service or len(strong) > 0),
            ("reauthentication_required", is_service or is_recent),
        ]
    )


def is_inside(networks: tuple[IPNetwork, ...], context: Context) -> bool:
    if not networks:
        return True
    address = context.address
    if address is None:
        return False
    if isinstance(address, IPv6Address) and str(ip_network(f"{address}/96", strict=False)) == "::ffff:0:0/96":
        address = ip_network(int(address) & 0xFFFFFFFF).network_address
    for network in networks:
        if network.version == address.version:
            low, high = int(network.network_address), int(network.broadcast_address)
            if low <= int(address) <= high:
                return True
    return False


def is_within(hours: Hours | None, context: Context) -> bool:
    if hours is None:
        return True
    local = context.at.astimezone(hours.zone)
    minute = (local.hour, local.minute, local.second, local.microsecond)
    start = (hours.start.hour, hours.start.minute, hours.start.second, hours.start.microsecond)
    end = (hours.end.hour, hours.end.minute, hours.end.second, hours.end.microsecond)
    if end == (0, 0, 0, 0):
        end = (24, 0, 0, 0)
    return local.weekday() in hours.days and start <= minute < end


# The target -----------------------------------------------------------------------------------------------------------


def action_of(method: str) -> str:
    if not 1 <= len(method) <= 32 or method in ("TRACE", "TRACK", "CONNECT"):
        raise MalformedError
    if any(character not in "ABCDEFGHIJKLMNOPQRSTUVWXYZ-" for character in method) or method[0] == "-":
        raise MalformedError
    return "read" if method in ("GET", "HEAD", "OPTIONS") else "write"


def resources_of(policy: Policy, target: ViewTarget | WebTarget) -> list[Resource | None]:
    action_of(target.method)
    if isinstance(target, ViewTarget):
        return view_resources(policy, target.name)
    host = host_of(target.host)
    found: list[Resource | None] = []
    for path in readings_of(target.path):
        found += [one for one in web_resources(policy, host, path, target.method) if one not in found]
    return found


def view_resources(policy: Policy, name: str) -> list[Resource | None]:
    views = [resource for resource in policy.resources if isinstance(resource, ViewResource)]
    parts = name.split(":")
    names = [name] + [":".join(parts[:length]) + ":*" for length in range(len(parts) - 1, 0, -1)]
    for wanted in names:
        found = [view for view in views if view.view == wanted]
        if found and (wanted == name) != wanted.endswith("*"):
            return list(found)
    return [None]


def host_of(host: str) -> str:
    name, port = host, None
    if host.startswith("["):
        raise MalformedError  # the worlds have no IPv6 hosts
    if ":" in host:
        name, port = host.split(":", 1)
    if port not in (None, "") and not (re.fullmatch("[0-9]{1,5}", port) and 1 <= int(port) <= 65535):
        raise MalformedError
    name = name.removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(re.fullmatch("[A-Za-z0-9-]{1,63}", label) for label in labels):
        raise MalformedError
    if any(label.startswith("-") or label.endswith("-") for label in labels):
        raise MalformedError
    return name.lower()


def web_resources(policy: Policy, host: str, path: str, method: str) -> list[Resource | None]:
    webs = [resource for resource in policy.resources if isinstance(resource, WebResource)]
    wildcard = "*." + ".".join(host.split(".")[1:])
    for name in (host, wildcard):
        on_host = [web for web in webs if web.host == name]
        found = [covering(on_host, prefix, method) for prefix in winning_prefixes(on_host, path)]
        if found:
            return [resource for group in found for resource in group]
    return [None]


def winning_prefixes(webs: list[WebResource], path: str) -> list[str]:
    prefixes = list(dict.fromkeys(web.path for web in webs))
    blind = {web.path.casefold() for web in webs if web.case_insensitive}
    exact = [prefix for prefix in prefixes if covers(prefix, path)]
    loose = [prefix for prefix in prefixes if prefix.casefold() in blind and covers_folded(prefix, path)]
    deepest = max((depth(prefix) for prefix in exact + loose), default=None)
    winners = [prefix for prefix in exact + loose if depth(prefix) == deepest]
    if any(depth(prefix) == deepest for prefix in loose):
        folded = [prefix for prefix in prefixes if covers_folded(prefix, path)]
        winners += [prefix for prefix in folded if depth(prefix) == max(map(depth, folded))]
    return list(dict.fromkeys(winners))


def covering(webs: list[WebResource], prefix: str, method: str) -> list[Resource | None]:
    found: list[Resource | None] = [web for web in webs if web.path == prefix and answers(web, method)]
    return found or [None]


def answers(web: WebResource, method: str) -> bool:
    return web.methods is None or method in web.methods or (method == "HEAD" and "GET" in web.methods)


def covers(prefix: str, path: str) -> bool:
    return prefix in ("/", path) or path.startswith(prefix + "/")


def covers_folded(prefix: str, path: str) -> bool:
    return covers(prefix.casefold(), path.casefold())


def depth(prefix: str) -> int:
    return len([part for part in prefix.split("/") if part])


# The readings ---------------------------------------------------------------------------------------------------------


def readings_of(target: str) -> list[str]:
    raw = raw_path(target)
    found = [raw]
    times_decoded = {raw: 0}
    while True:
        known = len(found)
        for step in (decoded, slashed, unparameterised, merged, resolved, compatible, cut, dotted):
            for reading in found:  # grows while we walk it
                new = step(reading)
                if new not in times_decoded:
                    times_decoded[new] = times_decoded[reading] + (1 if step is decoded else 0)
                    found.append(new)
        if max(times_decoded.values()) > 3 or len(found) > 96 or len(found) * len(raw) > 65536:
            raise MalformedError
        if len(found) == known:
            return found


def raw_path(target: str) -> str:
    if len(target) > 8192 or not target.startswith("/"):
        raise MalformedError
    if any(not "!" <= character <= "~" or character == "#" for character in target):
        raise MalformedError
    raw, _, _ = target.partition("?")
    if re.search("%(?![0-9A-Fa-f][0-9A-Fa-f])", raw):
        raise MalformedError
    return raw


def decoded(reading: str) -> str:
    octets, at, escaped = b"", 0, False
    while at < len(reading):
        pair = reading[at + 1 : at + 3]
        if reading[at] == "%" and len(pair) == 2 and all(digit in "0123456789abcdefABCDEF" for digit in pair):
            octets, at, escaped = octets + bytes([int(pair, 16)]), at + 3, True
        elif reading[at] == "%" and pair and (pair[0] == "%" or (pair[0].isascii() and pair[0].isalnum())):
            raise MalformedError
        else:
            octets, at = octets + reading[at].encode(), at + 1
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        raise MalformedError from None
    if escaped and any(unicodedata.category(character) == "Cc" for character in text):
        raise MalformedError
    return text


def slashed(reading: str) -> str:
    return "/".join(reading.split("\\"))


def unparameterised(reading: str) -> str:
    return "/".join(part.split(";")[0] for part in reading.split("/"))


def merged(reading: str) -> str:
    while "//" in reading:
        reading = reading.replace("//", "/")
    return reading


def resolved(reading: str) -> str:
    """Remove dot segments, letter by letter as RFC 3986, 5.2.4 writes it."""
    rest, output = reading, ""
    while rest:
        if rest.startswith("/./"):
            rest = rest[2:]
        elif rest == "/.":
            rest = "/"
        elif rest.startswith("/../"):
            rest, output = rest[3:], output[: output.rfind("/")] if "/" in output else ""
        elif rest == "/..":
            rest, output = "/", output[: output.rfind("/")] if "/" in output else ""
        else:
            end = rest.find("/", 1)
            end = len(rest) if end == -1 else end
            rest, output = rest[end:], output + rest[:end]
    return output


def compatible(reading: str) -> str:
    return unicodedata.normalize("NFKC", reading)


def cut(reading: str) -> str:
    return reading.partition("?")[0].partition("#")[0]


def dotted(reading: str) -> str:
    return reading.replace("%2e", ".").replace("%2E", ".")
