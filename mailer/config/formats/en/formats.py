"""English as an international office writes it: half of its readers take 12,000 for twelve."""

THOUSAND_SEPARATOR = "\u202f"
DATE_FORMAT = "j F Y"
DATETIME_FORMAT = "j F Y, H:i"
TIME_FORMAT = "H:i"
MONTH_DAY_FORMAT = "j F"
