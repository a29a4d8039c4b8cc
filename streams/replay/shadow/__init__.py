"""A second set of tables beside the live one, in the database `<database>_<name>`, filled by a replay.

It is compared with the live set (`ackstream diff`) and may take its place (`ackstream replay --swap`).
"""
