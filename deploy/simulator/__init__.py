"""Simulates providers: posts their traffic, and compares the tables with the truth about it.

Generator and truth share no code with the system that they test. All input and output is in `poster`, `run`,
`table_check`, `truth_file` and `demo`.
"""
