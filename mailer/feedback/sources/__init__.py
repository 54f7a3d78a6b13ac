"""Sources of returned mail: IMAP, POP3, Maildir and LMTP. They fetch messages, and do not parse them."""
