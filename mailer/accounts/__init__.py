"""Accounts of staff: sign-in and its limits, passwords, second factors, sessions, recent sign-in."""
