"""Breaks every part of a stack under load and compares every number with the truth in the end."""
