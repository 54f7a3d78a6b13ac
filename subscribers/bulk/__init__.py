"""Bulk jobs: one action on many subscribers, done in batches, that can be undone for thirty days."""
