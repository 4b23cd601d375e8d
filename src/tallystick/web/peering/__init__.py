"""The door partners' nodes come through, and the worker that goes to theirs. Bytes in, bytes out (docs/spec/sync.md)."""
