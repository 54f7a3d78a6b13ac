"""The snapshot, the seal on its bytes, and the four eyes that must see it."""
