"""Every address, and the demo's, as its own configuration mounts them."""

from __future__ import annotations

from django.urls import include, path

import mailer.urls

urlpatterns = [*mailer.urls.urlpatterns, path("demo/", include("mailer.demo.views"))]
