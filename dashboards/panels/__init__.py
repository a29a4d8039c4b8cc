"""The panels, one module a dashboard; each defines `DASHBOARD`. Pure."""
