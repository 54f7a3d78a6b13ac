"""What makes the audit log trustworthy: changed values, entries that cannot be changed, and their chain."""
