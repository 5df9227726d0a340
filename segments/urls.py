"""The portal and the pages of the segments."""

from django.urls import path

from segments import views

app_name = "segments"

urlpatterns = [
    path("", views.portal, name="portal"),
    path("enter/", views.enter, name="enter"),
    path(".well-known/jwks.json", views.jwks, name="jwks"),
    path("segments/<slug:slug>/", views.segment_page, name="segment"),
]
