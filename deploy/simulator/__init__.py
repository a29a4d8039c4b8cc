"""A provider's side with the truth about it: traffic as providers send it, and what the tables must make of it.

Generator and truth are pure and know nothing of how the system counts; `post` and `run` do the IO.
"""
