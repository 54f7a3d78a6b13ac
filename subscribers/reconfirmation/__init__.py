"""Asking people whether they still want what they get, and leaving it to a person what silence means."""
