"""What the parties agreed, and the rules everybody's record follows: terms, order life, postings."""
