"""Every address of the portal. Who may open which is said by segments, not here."""

from django.contrib import admin
from django.urls import include, path

from ztproject.probes import livez, readyz

urlpatterns = [
    path("livez", livez, name="livez"),
    path("readyz", readyz, name="readyz"),
    path("admin/", admin.site.urls),
    path("", include("accounts.urls")),
    path("", include("segments.urls")),
]
