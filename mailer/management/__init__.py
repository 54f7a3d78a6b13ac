"""Commands of Django that the newsletter system changes."""
