"""The kinds of mailbox in which returned mail waits, each behind the same few questions."""
