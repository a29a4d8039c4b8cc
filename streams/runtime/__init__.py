"""What the workers of all stages share: the Faust app, Kafka producers, retries, heartbeat, ClickHouse connections."""
