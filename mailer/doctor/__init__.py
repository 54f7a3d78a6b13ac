"""The doctor: looks at configuration, relay, names and mailbox, and says what to change."""
