"""What services post to us: waiting to be read, and that they are heard at all."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class ServicePost(models.Model):
    """What a service posted to us and nobody has read yet, as it came; it goes when it is put into effect."""

    # By its name in the configuration.
    service = models.CharField(max_length=16)
    body = models.BinaryField()
    received_at = models.DateTimeField(default=timezone.now)
    # How often putting it into effect failed, and when it is due again.
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.service} {self.pk}"


class ServiceContact(models.Model):
    """That a service's posts arrive: one row for each that was ever heard."""

    service = models.CharField(max_length=16, unique=True)
    # When its latest post came, and how many were read so far.
    last_at = models.DateTimeField()
    posts = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return self.service
