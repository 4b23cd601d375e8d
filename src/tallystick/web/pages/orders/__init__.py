"""Orders: the list, one order, and every act on it."""
