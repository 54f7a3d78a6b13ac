"""Figures about what was sent and what came back."""
