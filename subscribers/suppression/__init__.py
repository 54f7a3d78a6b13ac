"""Suppressed addresses: added, lifted and kept as keyed hashes."""
