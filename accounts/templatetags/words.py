"""Filters that say things as people do."""

from datetime import datetime

from django import template
from django.utils import timezone

from accounts import browsers, moments

register = template.Library()

register.filter("exact", moments.exact)
register.filter("browser_name", browsers.name)
register.simple_tag(moments.place, name="place")


@register.filter
def ago(at: datetime) -> str:
    return moments.ago(at, timezone.now())


@register.filter
def left(until: datetime) -> str:
    return moments.left(until, timezone.now())
