"""What workers report about themselves, for monitoring: runs of jobs, and signs of life."""

from __future__ import annotations

from django.db import models


class JobStats(models.Model):
    """Runs of one job in all workers since the installation began: counts and seconds only rise."""

    # Its name in job_index.
    job = models.CharField(max_length=60, unique=True)
    runs = models.PositiveBigIntegerField(default=0)
    failures = models.PositiveBigIntegerField(default=0)
    # Of all runs together.
    seconds = models.FloatField(default=0)
    # When a run last ended without an error, and with one.
    succeeded_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.job}: {self.runs}"


class WorkerProcess(models.Model):
    """A running worker; the row is deleted when it ends, or a day after its last sign of life."""

    # Unique for each process.
    name = models.CharField(max_length=100, unique=True)
    # The host name of its machine.
    machine = models.CharField(max_length=80)
    engine = models.CharField(max_length=12)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
