"""The version of this package, known without looking it up among all that is installed."""

VERSION = "0.1.0"
"""As `pyproject.toml` has it; a test compares."""
