"""The version: of the package, of `tool.version` in JSON, of the User-Agent."""

__version__ = "0.1.0"
