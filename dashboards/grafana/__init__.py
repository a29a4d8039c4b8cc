"""The dashboards and alert rules for Grafana, built from the same panels and rules as the web page.

The package ships JSON and YAML in `files/`. `build.py` makes them with Grafana's SDK, which only developers need.
`provision.py` adapts the shipped files to a user's settings and needs nothing but this package.
"""
