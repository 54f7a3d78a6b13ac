"""What readers do by themselves, with a link from any mail of ours and without an account."""
