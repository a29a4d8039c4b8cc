"""Providers: one module or package for each. Names that start with _ are shared by several providers."""
