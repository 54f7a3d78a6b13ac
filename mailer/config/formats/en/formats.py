"""English as an international office writes it: half of its readers take 12,000 for twelve."""

THOUSAND_SEPARATOR = "\u202f"
