"""The demo: realistic traffic through the public endpoints, and every number in the tables compared with its truth.

The traffic and its truth come of `deploy.simulator`; `compare` is pure; `post`, `tables` and `report` do the IO.
"""
