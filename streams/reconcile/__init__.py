"""`ackstream check`: compares Kafka with ClickHouse, and ClickHouse with the truth file of a simulation."""
