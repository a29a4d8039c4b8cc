"""The dashboards and alert rules for Grafana, made from the same panels and rules as the page.

What ships is JSON and YAML in `files/`; `build.py` makes it with Grafana's own SDK, which is a tool of developers
alone. `provision.py` fits the shipped files to a user's settings and needs nothing but this package.
"""
