"""The clock of a demo: which day it is, and how to move on. Only a demo has one."""
