"""Trains a recipe."""
