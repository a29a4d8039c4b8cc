"""What the tests share: the real services, started from one place."""
