"""Returned mail and suppression decisions in the desk."""
