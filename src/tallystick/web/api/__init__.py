"""The HTTP API for programs: read the record, preview and sign acts. docs/reference/api.md."""
