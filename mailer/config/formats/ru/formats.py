"""Russian: Django's formats, with two digits for the hour, and a comma before it, as in our sentences."""

DATE_FORMAT = "j E Y г."
DATETIME_FORMAT = "j E Y г., H:i"
TIME_FORMAT = "H:i"
MONTH_DAY_FORMAT = "j E"
