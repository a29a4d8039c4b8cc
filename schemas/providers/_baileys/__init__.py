"""_baileys."""
