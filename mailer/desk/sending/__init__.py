"""Scheduling a mailing, following and controlling it, and its dry run."""
