"""Charts as inline SVG: no script, no library, and no colour or wide screen needed to understand them."""
