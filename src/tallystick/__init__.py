"""Tallystick: a shared record of mutual logistic support that both partners hold and can prove."""

__version__ = "0.2.0"
