"""URLs of probes and metrics, which the middleware answers.

They are asked for by machines that know this one by its IP address, so the check of the Host header does not
apply to them; and neither session nor database are touched before their own code.
"""

from __future__ import annotations

from django.urls import path

from mailer.monitoring import metrics, probes

urlpatterns = [
    path("healthz", probes.alive, name="health"),
    path("readyz", probes.ready, name="ready"),
    path("metrics", metrics.metrics_page, name="metrics"),
]
