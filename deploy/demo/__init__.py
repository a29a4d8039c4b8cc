"""The demo: realistic traffic through the public endpoints, and the truth about it that the tables have to equal.

Generator and truth are pure and know nothing of how the system counts; `post`, `tables` and `report` do the IO.
"""
