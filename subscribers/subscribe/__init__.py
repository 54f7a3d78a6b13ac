"""Sign-up with single or double opt-in, and its limits against abuse."""
