"""Where the edge stores a body before it answers 200: Kafka, or a spool on the disk while Kafka is unavailable."""
