"""What the record means. Pure: no files, network, database, clock or dice.

Start at ``entries`` (what can be said), ``space`` (how it is kept and proved) and ``fold`` (what it means).
"""
