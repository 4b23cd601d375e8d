"""The partner: how far it is in step, exchange now or by courier, and how two nodes come to know each other."""
