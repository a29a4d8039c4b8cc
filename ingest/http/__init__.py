"""The HTTP side of the edge: addresses, limits, authentication, answers."""
