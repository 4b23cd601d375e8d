"""The first page: what needs me now, what others wait for, and how the books stand."""
