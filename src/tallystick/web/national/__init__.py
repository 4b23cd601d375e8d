"""What stays home: fund citations, drafts and internal notes. No export can import this room (pyproject.toml)."""
