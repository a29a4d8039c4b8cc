"""Alert rules, judged by the page's process itself and shipped to Grafana as well.

`rule` says what a rule is and `rules` lists them; `evaluate`, `groups` and `message` decide (pure); `store`, `judge`,
`notify` and `runner` do.
"""
