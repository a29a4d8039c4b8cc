"""Providers: each foreign wire format is one module or package here, found by `registry`."""
