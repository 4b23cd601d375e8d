"""Whole agreements simulated under one seed: real app, core and exchange; virtual clock, wire, courier and disk."""
