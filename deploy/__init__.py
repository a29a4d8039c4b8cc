"""Command line, local stack, administration of Kafka topics, simulator and demo."""
