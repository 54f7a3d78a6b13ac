"""Transactional email, test sends and alerts to staff."""
