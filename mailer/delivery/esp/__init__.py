"""Email service providers: sends messages through their APIs in place of a relay, for the engine."""
