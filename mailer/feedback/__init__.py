"""What comes back: bounce mail and unsubscribes become events, and policy acts on them."""
