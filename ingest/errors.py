"""What can keep the edge from starting. Pure."""


class StartError(Exception):
    """The edge cannot start; the text is one sentence that says what to do."""
