"""The edge: verifies webhooks over their raw bytes and stores them in Kafka before it answers 200."""
