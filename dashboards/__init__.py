"""What people look at: query results and message timelines."""
