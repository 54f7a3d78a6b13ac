"""The URLs below /api/."""

from __future__ import annotations

from django.urls import path

from mailer.api.application import api
from mailer.api.openapi import openapi_document

urlpatterns = [
    path("v1/openapi.json", openapi_document, name="api-openapi"),
    path("v1/", api.urls),
]
