"""Submitting, reviewing and approving an edition."""
