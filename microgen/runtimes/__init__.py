"""What computes a model on a board."""
