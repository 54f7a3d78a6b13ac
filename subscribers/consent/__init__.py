"""Consent records: what subscribers agreed to, when, how and under which text."""
