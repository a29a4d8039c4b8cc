"""What dashboards read, made from the tables that the workers fill. One process: `ackstream worker analytics`."""
