"""`ackstream replay`: processes stored records again, into live or shadow tables; also the retry of dead letters."""
