"""Runs the parts together: the command line, the local stack and the demo."""
