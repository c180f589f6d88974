"""affekt: emotion in speech, measured honestly, and forgotten on request."""

__version__ = "0.1.0"
