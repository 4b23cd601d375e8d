"""A deterministic simulation of whole agreements: real app, core and exchange; virtual clock, wire, courier and disk."""
