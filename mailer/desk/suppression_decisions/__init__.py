"""Suppression decisions: the list, one decision with its timeline, and bounce waves."""
