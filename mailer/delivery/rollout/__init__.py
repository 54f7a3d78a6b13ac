"""Starts mailings, sends them in growing steps, and applies the stop rules."""
