"""Sign-up with double opt-in, and its defence against abuse."""
