"""Alert rules. The page's process evaluates them; the same rules are shipped to Grafana.

`rule` defines what a rule is, `rules` lists all of them. `transitions`, `notifications`, `evaluator` and `message` make
the decisions without any input or output. `rule_queries`, `state_file`, `notify` and `runner` do the input and output.
"""
