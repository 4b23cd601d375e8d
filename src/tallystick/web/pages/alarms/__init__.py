"""Everything in the record that someone should look at, and what to do about it."""
