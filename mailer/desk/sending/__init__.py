"""Scheduling and controlling a mailing, and its dry run."""
