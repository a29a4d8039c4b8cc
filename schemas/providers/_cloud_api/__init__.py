"""Bodies in the form of Meta's WhatsApp Cloud API.

Shared by meta, 360dialog, gupshup (webhooks of version 3) and standard-webhooks (when `data` is such a body).
"""
