"""What the networks are, and the loop that trains them."""
