"""Subscribers: consent, sign-up, preference center, suppression, privacy, search, segments, imports.

It never imports `mailer`; applications above it receive its signals.
"""
