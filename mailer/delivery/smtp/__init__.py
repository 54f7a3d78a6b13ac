"""SMTP (RFC 5321): relays, connections, sessions, DKIM and the sending thread, for the engine and the
outbox."""
