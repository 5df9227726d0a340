"""Probes for whoever runs this: alive, and ready to take traffic."""

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse


@login_not_required
def livez(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "alive"})


@login_not_required
def readyz(request: HttpRequest) -> JsonResponse:
    """The process can decide: the database answers."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT version FROM segments_policyversion")
            cursor.fetchone()
    except DatabaseError:
        return JsonResponse({"status": "not ready", "reason": "database"}, status=503)
    return JsonResponse({"status": "ready"})
