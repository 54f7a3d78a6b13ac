"""The preference center: what subscribers can do themselves, by a link in our mail and without an account."""
