"""What only the officers' pages say about values."""
