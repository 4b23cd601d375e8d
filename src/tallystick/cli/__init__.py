"""The command line: ``tallystick --node DIR <command>``. Commands over ``app``; each loads only what it needs."""
