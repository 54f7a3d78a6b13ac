"""Searches subscribers by a part of an address or name, among millions."""
