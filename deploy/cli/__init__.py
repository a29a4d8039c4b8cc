"""`ackstream`: the command line."""
