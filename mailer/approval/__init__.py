"""Preflight checks, the snapshot of a submitted edition, and its approval by a second person."""
