"""Transactional email: the outbox, alerts to staff and test sends."""
