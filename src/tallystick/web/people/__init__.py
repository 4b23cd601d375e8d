"""People: who may sign in to this node, how they prove who they are, and which warrants they hold.

An *account* is in the ledger; here are *persons*. Nothing in this room leaves the node: partners see posts and
warrants, never persons.
"""
