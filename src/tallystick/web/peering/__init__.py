"""The door partners' nodes come through, and the worker that visits theirs: bytes in, bytes out (docs/spec/sync.md)."""
