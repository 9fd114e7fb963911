"""Proves each operator of a model on its own."""
