"""Chaos run: breaks every part of a stack under load and then compares every number with the truth."""
