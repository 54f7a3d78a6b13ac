"""Subscribers, lists, tags and suppressions in the desk."""
