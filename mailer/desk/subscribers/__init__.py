"""Subscribers, lists, tags, custom fields, suppressions, bulk actions and list health."""
