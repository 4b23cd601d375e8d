"""Erasing what an entry says: what was asked, what is gone, and the administrator's wish or confirmation."""
