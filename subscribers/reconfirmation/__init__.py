"""Reconfirmation campaigns: emails that ask subscribers whether they still want a list, and the outcome."""
