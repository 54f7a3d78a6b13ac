"""The home page of the desk: where every newsletter stands, what waits for the user, and alerts."""
