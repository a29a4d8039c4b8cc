"""Simulates providers: posts their traffic, and compares the tables with the truth about it.

Generator and truth share no code with the system that they test; only `poster`, `run` and `demo` do input and output.
"""
