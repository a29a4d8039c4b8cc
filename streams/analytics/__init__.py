"""Tables that dashboards read, made from the tables of the workers by one process: `ackstream worker analytics`."""
