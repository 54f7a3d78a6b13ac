"""Tells other systems what happened: events written in their transactions, delivered signed, with retries."""
