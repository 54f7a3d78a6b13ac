"""Subscribers, lists, tags, custom fields, suppressions, bulk actions and subscribers to review."""
