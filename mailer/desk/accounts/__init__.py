"""Staff groups (writers, approvers, admins) and their permissions."""
