"""The pages that the gateway itself answers with. Nothing is inline but text: no style, no script, no picture."""

from typing import Final

HEADERS: Final = (
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
)
_PAGE: Final = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title></head>
<body><main><h1>{title}</h1><p>{text}</p><p>{help}</p></main></body></html>
"""
UNDECIDED: Final = _PAGE.format(
    title="Access cannot be decided at the moment",
    text="The service that decides who may open this page does not answer. Nothing was let through.",
    help="Please try again in a minute. If it stays like this, tell the people who run it.",
)
NOWHERE: Final = _PAGE.format(
    title="There is no application here",
    text="No application is served under this address.",
    help="Please check how it is written, or open the application from your portal.",
)
SILENT: Final = _PAGE.format(
    title="The application does not answer",
    text="You may open it, but it could not be reached, or it ended before it had answered.",
    help="Please try again in a minute. If it stays like this, tell the people who run it.",
)
