"""The page: a small web server that shows the panels to people, over the read-only user."""
