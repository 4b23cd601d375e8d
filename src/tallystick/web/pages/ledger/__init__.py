"""The books: trial balance of both parties, each account line by line, what is open and how old, and downloads."""
