"""Reconfirmation (re-permission) campaigns: asks subscribers whether they still want a list."""
