"""Requests that no page can mean: refused before anything is read from them."""

from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class MalformedRequestMiddleware:
    """Answers 400 to an encoded NUL in the address: PostgreSQL cannot hold it, and nobody types one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            raise BadRequest("the address holds a NUL")
        return self.get_response(request)
