"""One form per act: what an officer types, checked field by field, and the draft it becomes."""
