"""Access to personal data, erasure and retention (GDPR)."""
