"""Tables that dashboards read, made from the tables of the workers by one process: `ackstream worker analytics`.

"The truth" in this package is the rows computed from `lifecycle_log`, the view `units`; "the copy" is `cohort_log`.
"""
