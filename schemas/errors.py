"""The errors that a person reads. The command line prints them without a traceback and ends with their exit code."""


class Failure(Exception):  # noqa: N818  (the base of errors, not one of them)
    """A command or a process cannot do its work. Each line of the text is one sentence: the cause and the remedy."""

    exit_code = 1


class ConfigError(Failure):
    """Settings are wrong. Each line of the text names a key or a file, what is wrong with it, and the remedy."""


class StartError(Failure):
    """A server cannot start: a port is taken, a folder cannot be written."""


class ComparisonImpossible(Failure):
    """A comparison could not be made, so its result is neither "equal" nor "different"."""

    exit_code = 2
