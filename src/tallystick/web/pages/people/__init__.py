"""People of this node and warrants of this party: who may sign in, under which post, up to what."""
