"""A single Kafka broker on loopback: Java, jars, settings, storage."""
