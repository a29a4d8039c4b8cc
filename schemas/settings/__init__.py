"""Settings: one TOML file, its sections, and the sentences about values that cannot be used.

config    reads the file and the environment
sections  the keys of every section, with their defaults and bounds
base      what sections are made of: secrets, addresses, lists
"""
