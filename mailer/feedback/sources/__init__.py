"""Sources of returned mail: IMAP, POP3, Maildir and LMTP. They hand over messages, and do not parse them."""
