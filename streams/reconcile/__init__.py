"""`ackstream check`: what Kafka holds against what ClickHouse made of it, and against the truth of a simulation."""
