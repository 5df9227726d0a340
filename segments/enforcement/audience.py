"""Whether an answer is for a person in front of a browser or for a script."""


def shows_page(*, mode: str, requested_with: str, accept: str) -> bool:
    """Tell by the values of Sec-Fetch-Mode, X-Requested-With and Accept; empty where a header is missing."""
    if mode:
        return mode == "navigate"
    if requested_with.lower() == "xmlhttprequest":
        return False
    return "text/html" in accept
