"""Training: losses, optimisers and the step as IR; fitting a net with them."""
