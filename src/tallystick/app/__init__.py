"""What a person or a partner can ask for: one function each, over ports that the shell fills."""
