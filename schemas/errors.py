"""The errors that a person reads: one sentence that says what is wrong and what to do."""


class Failure(Exception):  # noqa: N818  (it reads as what it is: a command failed)
    """A command or process could not do its work; the text is one sentence that says what to do."""

    exit_code = 1


class CannotLook(Failure):
    """What was to be compared could not be looked at: the answer is neither yes nor no."""

    exit_code = 2
