"""Administration of servers that users run themselves: Kafka topics."""
