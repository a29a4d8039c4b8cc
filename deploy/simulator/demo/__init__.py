"""The demo: posts a fixed amount of traffic and compares every number in ClickHouse with the truth."""
