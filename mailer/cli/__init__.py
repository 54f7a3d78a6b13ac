"""The `mailer` command, one module per command group. Each parses, calls and prints; rules live elsewhere."""
