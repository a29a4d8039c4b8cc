"""What every process of Ackstream shares: logs, background tasks, pauses between tries, waiting."""
