"""The demo: two paired nodes with a year behind them, on the day before a ship arrives.

``cast`` says who is there, ``director`` makes acts happen on dated days on both nodes, ``history`` is the year,
``run`` builds, resumes and serves. Every entry is signed and exchanged by the product's own use cases.
"""
