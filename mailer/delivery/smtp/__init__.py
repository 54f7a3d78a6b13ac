"""SMTP (RFC 5321): connections, sessions, replies, relays and DKIM."""
