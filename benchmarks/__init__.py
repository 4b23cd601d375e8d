"""Measurements of Tallystick beside what others do, on one generated corpus: ``python3 go.py bench``."""
