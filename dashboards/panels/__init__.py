"""The panels of every dashboard: one module per dashboard, which defines `DASHBOARD`, and modules of parts."""
