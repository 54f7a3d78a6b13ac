"""How numbers are written in pages."""
