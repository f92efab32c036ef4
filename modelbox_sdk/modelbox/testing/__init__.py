"""Conformance suites: a new backend or store subclasses one, gives it a fixture, and runs it with pytest."""
